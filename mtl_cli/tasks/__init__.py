"""Kinds of tasks: one file per kind, with its keys, labels, losses and predictions."""
