"""Compares runs: which model is better, by how much, and whether that is not chance."""
