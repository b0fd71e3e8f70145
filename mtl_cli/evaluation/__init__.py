"""Evaluates trained models on labelled tables: metrics, slices, drift, importance."""
