"""Numbers about generated images: distance to real ones, class coverage, confidence."""
