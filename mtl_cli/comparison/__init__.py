"""Compares runs: the better model, the difference, and whether it is real."""
