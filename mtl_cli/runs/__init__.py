"""Runs a configuration, and keeps the run in its folder."""
