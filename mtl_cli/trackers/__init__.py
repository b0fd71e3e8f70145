"""Trackers send the results of runs to services that display them."""
