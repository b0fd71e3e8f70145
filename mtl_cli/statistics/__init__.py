"""Tests and intervals over rows and seeds, for comparisons and evaluations."""
