"""Weights that come with the package; the cards that describe them are in `docs`."""
