"""Kinds of tasks: one file per kind, which holds its keys and all that it does."""
