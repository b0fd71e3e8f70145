"""Exact metrics of predictions."""
