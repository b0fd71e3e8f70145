"""Generators of data sets whose truth is known: one file for each."""
