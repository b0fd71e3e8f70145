"""Errors, paths, signals, secrets and options, for all other packages."""
