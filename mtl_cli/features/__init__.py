"""Kinds of features: one file per kind."""
