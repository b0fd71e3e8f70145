"""No tracker: only the run folder holds the results of a run."""

from mtl_cli.trackers.base import Tracker


class NoTracker(Tracker):
    """A tracker that ignores all events."""
