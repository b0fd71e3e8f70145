"""Compares runs: which model is better, by how much, and whether it is chance."""
