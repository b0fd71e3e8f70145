"""Scores predictions, and measures what gates and features contribute to them."""
