"""Balancing: how the losses of the tasks become one step, one file for each method."""
