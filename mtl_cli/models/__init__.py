"""Sharing schemes say which layers the tasks share: one file for each."""
