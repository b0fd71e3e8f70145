"""Kinds of tasks: one file a kind."""
