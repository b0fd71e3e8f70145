"""The events that a run sends to its tracker, and the outcomes of their calls."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, MtlError, first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.runs.outcome import failure_message
from mtl_cli.trackers.base import Tracker

RECORD = "tracked.json"  # in the run folder: the last epoch that was sent


@dataclass(frozen=True)
class Event:
    """A call of a tracker's method that a run has queued; see `TrackedRun`."""

    call: Callable[[], object]
    num_values: int = 0  # the number of values that the call sends
    epoch: int = 0  # the number of the epoch that the call reports; 0 for other calls
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

        The first refusal explains the following refusals, so they do not change
        `reason`.
        """
        self.last = outcome
        if error is None:
            return
        if outcome is Outcome.AWAY or not self.refused:
            # The text of a `KeyError`, for one, says nothing without the class. Errors
            # of the network have complete texts.
            is_complete = isinstance(error, OSError)
            self.reason = first_line(error) if is_complete else failure_message(error)
        if outcome is Outcome.REFUSED:
            self.refused.append(event)
        if event.must_succeed:
            self.start_error = error


def send(
    tracker: Tracker, folder: Path, event: Event
) -> tuple[Outcome, BaseException | None]:
    """Calls the tracker, and records the epoch that was sent in the run folder.

    Returns: the outcome, and the error if there was one.
    """
    try:
        tracker.set_event_time(event.time)
        event.call()
    except (Exception, SystemExit) as error:
        # Errors of the network are subclasses of `OSError`. A call that must succeed is
        # not repeated.
        is_away = isinstance(error, OSError) and not event.must_succeed
        return Outcome.AWAY if is_away else Outcome.REFUSED, error
    if event.epoch:
        record = {"tracker": tracker.name, "epoch": event.epoch}
        # If the folder cannot be written, the run itself reports that.
        with contextlib.suppress(MtlError):
            write_text(folder / RECORD, json.dumps(record) + "\n")
    return Outcome.SENT, None


def last_epoch_sent(tracker: Tracker, folder: Path) -> int:
    """Returns the number of the last epoch that a run has sent to a tracker, or 0.

    The number is also 0 if the epochs were sent to another tracker.
    """
    try:
        record = read_json_object(folder / RECORD)
        return int(record["epoch"]) if record["tracker"] == tracker.name else 0
    except DAMAGED_FILE_ERRORS:
        return 0
