"""Trackers send runs to services that show them: one file per service."""
