"""The laboratory: the whole report in stages, and the source report's claims decided by measurement."""
