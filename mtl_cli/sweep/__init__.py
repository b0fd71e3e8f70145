"""Sweeps: many runs, each in its own process, shown in one table.

`session` opens and closes a sweep, `start_jobs` starts its jobs, and `job` is the code
in the process of a job.
"""
