"""Sweeps: many runs, each in a process of its own, told in one table."""
