"""Scores of predictions, and how gates use their experts."""
