"""The latent experiment: what each latent number does, by edits beside their controls."""
