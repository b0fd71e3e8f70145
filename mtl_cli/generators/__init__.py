"""Generators of data sets whose truth is known. Each file has one generator."""
