"""Sharing schemes, which say what layers tasks share: one file for each."""
