"""Formats of exported models: one file per format."""
