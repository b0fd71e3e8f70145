"""Data sets that are drawn from a known truth, one class a module."""
