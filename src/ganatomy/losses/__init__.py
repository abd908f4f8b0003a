"""Adversarial losses as pure functions."""
