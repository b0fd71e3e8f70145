"""Tests and intervals over rows, shared by comparisons and evaluations."""
