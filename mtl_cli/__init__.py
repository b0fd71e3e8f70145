"""Trains multi-task recommendation models from configs."""
