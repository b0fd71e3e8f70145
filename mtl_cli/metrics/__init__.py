"""Metrics of predictions. Each file holds the metrics of one kind, such as `auc.py`."""
