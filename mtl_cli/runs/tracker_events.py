"""The events that a run sends to its tracker, and the outcomes of their calls."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, MtlError, first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.runs.outcome import failure_message
from mtl_cli.trackers.base import Tracker

# In the run folder: {destination of a tracker: the last epoch that was sent there}.
RECORD = "tracked.json"


@dataclass(frozen=True)
class Event:
    """A call of a tracker's method that a run has queued; see `TrackedRun`."""

    call: Callable[[], object]
    num_values: int = 0  # the number of values that the call sends
    epoch: int = 0  # the number of the epoch that the call reports; 0 for other calls
    is_earlier: bool = False  # whether the call reports an epoch before a resume
    is_end: bool = False  # whether the call reports the end of the run
    must_succeed: bool = False  # whether an error of the call ends the run
    # The time of the event, in seconds since 1970.
    time: float = field(default_factory=time.time)


class Outcome(Enum):
    """The outcome of a call of the tracker."""

    SENT = auto()
    REFUSED = auto()  # the service refuses the values, so the event is dropped
    AWAY = auto()  # the service does not answer, so the call is repeated


@dataclass
class Outcomes:
    """The outcomes of a run's calls of its tracker so far.

    Attributes:
        last: the outcome of the last call.
        refused: the events that the service has refused.
        reason: the text of the error that explains missing values; "" before the first
            error.
        start_error: the error of a call that must succeed; None if none has failed.
    """

    last: Outcome = Outcome.SENT
    refused: list[Event] = field(default_factory=list)
    reason: str = ""
    start_error: BaseException | None = None

    def note(self, event: Event, outcome: Outcome, error: BaseException | None) -> None:
        """Notes the outcome of a call, and its error if the event was not sent.

        `reason` is about the first refusal, because later refusals often follow from
        the first one.
        """
        self.last = outcome
        if error is None:
            return
        if outcome is Outcome.AWAY or not self.refused:
            # Errors of the network are clear without their class. Others are not: the
            # text of a `KeyError` is only the key.
            is_clear = isinstance(error, OSError)
            self.reason = first_line(error) if is_clear else failure_message(error)
        if outcome is Outcome.REFUSED:
            self.refused.append(event)
        if event.must_succeed:
            self.start_error = error


def send(
    tracker: Tracker, folder: Path, event: Event
) -> tuple[Outcome, BaseException | None]:
    """Calls the tracker, and records the epoch that was sent in the run folder.

    An event that an earlier process of the run has sent is not sent again.

    Returns: the outcome, and the error if there was one.
    """
    if was_sent(tracker, folder, event):
        return Outcome.SENT, None
    try:
        record = ""
        if event.epoch:
            epochs = epochs_by_destination(tracker, folder)
            record = json.dumps(epochs | {tracker.destination: event.epoch})
        tracker.set_event_time(event.time)
        event.call()
    except (Exception, SystemExit) as error:
        # Errors of the network are subclasses of `OSError`. A call that must succeed is
        # not repeated.
        is_away = isinstance(error, OSError) and not event.must_succeed
        return Outcome.AWAY if is_away else Outcome.REFUSED, error
    if record:
        # If the folder cannot be written, the run itself reports that.
        with contextlib.suppress(MtlError):
            write_text(folder / RECORD, f"{record}\n")
    return Outcome.SENT, None


def was_sent(tracker: Tracker, folder: Path, event: Event) -> bool:
    """Whether an earlier process of the run has sent an event to the tracker.

    A process that was killed during a call, or right after it, has not recorded the
    call. `Tracker.epoch` says what a tracker does with an epoch that comes twice.
    """
    if not event.is_earlier:
        return False
    try:
        sent = epochs_by_destination(tracker, folder)
        return event.epoch <= int(sent[tracker.destination])
    # A damaged record raises many errors, and the `destination` of a plugin raises any.
    except (Exception, SystemExit):
        return False


def epochs_by_destination(tracker: Tracker, folder: Path) -> dict[str, Any]:
    """Reads `RECORD`; {} if the file is missing or damaged.

    Earlier builds recorded the name of one tracker and its last epoch, as in
    {"tracker": "wandb", "epoch": 3}. If it is the name of `tracker`, the epoch counts
    for the tracker's destination.
    """
    try:
        epochs = read_json_object(folder / RECORD)
    except DAMAGED_FILE_ERRORS:
        return {}
    if isinstance(epochs.get("tracker"), str):  # not the epoch of a destination
        name, epoch = epochs.pop("tracker"), epochs.pop("epoch", None)
        if name == tracker.name:
            epochs.setdefault(tracker.destination, epoch)
    return epochs
