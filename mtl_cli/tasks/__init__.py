"""Kinds of tasks: one file per kind holds its keys and all that it does."""
