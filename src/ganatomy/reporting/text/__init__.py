"""The report's sentences, one module per language, with the same keys and placeholders (a test compares them)."""
