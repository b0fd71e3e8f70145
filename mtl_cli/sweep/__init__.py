"""Sweeps: many runs, each in its own process, shown in one table.

`session` opens a sweep, `start_jobs` starts jobs, `job` runs inside their processes.
"""
