"""The events that a run sends to its tracker."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, MtlError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.trackers.base import Tracker

# In the run folder: {destination of a tracker: the last epoch that was sent there}.
RECORD = "tracked.json"


@dataclass(frozen=True)
class Event:
    """A call of a tracker's method that a run has queued; see `TrackedRun`."""

    call: Callable[[], object]
    epoch: int = 0  # the number of the epoch that the call reports; 0 for other calls
    is_earlier: bool = False  # whether the call reports an epoch before a resume
    must_succeed: bool = False  # whether an error of the call ends the run
    time: float = field(default_factory=time.time)  # in seconds since 1970


def send(tracker: Tracker, folder: Path, event: Event) -> BaseException | None:
    """Calls the tracker, and records the epoch that was sent in the run folder.

    An event that an earlier process of the run has sent is not sent again.

    Returns: the error of the call, if there was one.
    """
    if was_sent(tracker, folder, event):
        return None
    try:
        record = ""
        if event.epoch:
            epochs = epochs_by_destination(folder)
            record = json.dumps(epochs | {tracker.destination: event.epoch})
        tracker.set_event_time(event.time)
        event.call()
    except BaseException as error:  # asyncio's `CancelledError` is no `Exception`
        return error
    if record:
        # If the folder cannot be written, the run itself reports that.
        with contextlib.suppress(MtlError):
            write_text(folder / RECORD, f"{record}\n")
    return None


def was_sent(tracker: Tracker, folder: Path, event: Event) -> bool:
    """Whether an earlier process of the run has sent an event to the tracker.

    A process that was killed during a call, or right after it, has not recorded the
    call. `Tracker.epoch` says what a tracker does with an epoch that comes twice.
    """
    if not event.is_earlier:
        return False
    try:
        return event.epoch <= int(epochs_by_destination(folder)[tracker.destination])
    # A damaged record raises many errors, and the `destination` of a plugin raises any.
    except BaseException:
        return False


def epochs_by_destination(folder: Path) -> dict[str, Any]:
    """Reads `RECORD`; {} if the file is missing or damaged."""
    try:
        return read_json_object(folder / RECORD)
    except DAMAGED_FILE_ERRORS:
        return {}
