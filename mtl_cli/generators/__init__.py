"""Generators of data sets with known truth: one file for each."""
