"""Tests and intervals over rows, which comparisons and evaluations share."""
