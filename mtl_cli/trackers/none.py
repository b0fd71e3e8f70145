"""The tracker `none`: the results of a run stay in its folder."""

from mtl_cli.trackers.base import Tracker


class NoTracker(Tracker):
    """A tracker that ignores all events."""
