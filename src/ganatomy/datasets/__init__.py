"""Data sets: reading, the catalogue with its downloads, images in memory and the order they are shown in."""
