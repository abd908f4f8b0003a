"""The page: figures, sections and text in two languages, from what is on disk."""
