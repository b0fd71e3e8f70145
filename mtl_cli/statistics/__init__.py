"""Tests and intervals over rows and seeds, shared by comparisons and evaluations."""
