"""Sharing schemes: which layers the tasks share. Each file has one scheme."""
