"""Reads raw columns as arrays of ids and numbers."""
