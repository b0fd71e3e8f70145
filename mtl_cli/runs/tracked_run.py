"""Sends the events of a run to its tracker, without stopping or delaying the run.

The run puts its events into a queue, and a thread sends them. If the tracker's service
does not answer, the thread tries again. An event that the service refuses is dropped.
"""

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, MtlError, first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import shortest
from mtl_cli.metrics.metrics_json import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers

RECORD = "tracked.json"  # in the run folder: the last epoch that was sent
RETRY_SECONDS = 2
# The seconds that a run waits at its end for a service that does not answer.
MAX_SECONDS_AWAY = 15
# The same for a service that answers: it may still be receiving files.
MAX_SECONDS_BUSY = 600


@dataclass(frozen=True)
class Event:
    """A call of the tracker, to be made by the thread."""

    call: Callable[[], object]
    num_values: int = 0  # the number of values that the call sends
    epoch: int = 0  # the number of the epoch that the call reports; 0 for other calls
    must_succeed: bool = False  # whether an error of the call ends the run
    time: float = field(default_factory=time.time)  # of the event, since 1970


class TrackedRun:
    """The connection of a run to its tracker: a queue of events, sent by a thread."""

    def __init__(
        self, tracker: Tracker, folder: Path, warn: Callable[[str], object]
    ) -> None:
        self.tracker, self.folder, self.warn = tracker, folder, warn
        self.is_open = tracker.name != "none"
        self.is_ending = False
        self.events: deque[Event] = deque()
        # Both threads hold this lock while they change `events`, `is_open` or an
        # attribute below, and then notify the other thread.
        self.changed = threading.Condition()
        self.start_error: BaseException | None = None
        self.reason = ""  # why the last values could not be sent
        self.is_away = False  # whether the service did not answer the last call
        self.num_refused = 0  # the number of values that the service has refused

    def start(self, values: dict[str, Any], must_succeed: bool) -> None:
        """Starts the tracker and the thread, and waits until the tracker has started.

        If the tracker must succeed, a `ConfigError` says why it cannot start. Else the
        run goes on, even if the tracker's service does not answer. The values are the
        configuration, without secrets.
        """
        if not self.is_open:
            return
        call = partial(self.tracker.start, self.folder, values)
        self.add(Event(call, must_succeed=must_succeed))
        threading.Thread(target=self.send_events, daemon=True).start()
        # Waiting also keeps the thread from importing the tracker's packages while the
        # run imports its own packages.
        with self.changed:
            self.changed.wait_for(lambda: not self.events or self.is_away)
        if isinstance(self.start_error, MtlError):
            raise self.start_error
        if self.start_error is not None:
            raise ConfigError(
                f"tracker: {self.tracker.name} cannot start: "
                f"{first_line(self.start_error)}; mend this, or train with tracker=none"
            ) from self.start_error

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        """Queues the losses and validation metrics of an epoch."""
        call = partial(self.tracker.epoch, number, row)
        self.add(Event(call, len(flat_numbers(row)), number))

    def last_epoch_sent(self) -> int:
        """Returns the number of the last epoch that was sent before a resume; else 0.

        The number is also 0 if the epochs were sent to another tracker.
        """
        try:
            record = read_json_object(self.folder / RECORD)
            return int(record["epoch"]) if record["tracker"] == self.tracker.name else 0
        except (OSError, ValueError, LookupError, TypeError):
            return 0

    def end(self, scores: dict[str, Scores] | None) -> None:
        """Queues the final scores, and waits until all events are sent.

        The time of waiting is limited. If values were not sent by then, one warning
        says how many the service lacks, and where they are kept. The scores are None if
        the run failed.
        """
        if not self.is_open:
            return
        call = partial(self.tracker.end, scores)
        self.add(Event(call, len(flat_numbers(dict(scores or {})))))
        # A second call means that a signal has interrupted the first: do not wait.
        waits, self.is_ending = not self.is_ending, True
        begin = time.monotonic()
        with self.changed:
            while self.events and waits:
                limit = MAX_SECONDS_AWAY if self.is_away else MAX_SECONDS_BUSY
                seconds = begin + limit - time.monotonic()
                if seconds <= 0:
                    break
                self.changed.wait(seconds)
            self.is_open = False
            self.changed.notify_all()
            lacks_end = bool(self.events)  # the end is the last event
            num_lost = self.num_refused + sum(event.num_values for event in self.events)
        if not num_lost and not lacks_end:
            return
        lacking = [f"{num_lost:,} values"] if num_lost else []
        lacking += ["the end of the run"] if lacks_end else []
        reason = self.reason or f"no call has returned for {MAX_SECONDS_BUSY} s"
        text = f"tracker: {self.tracker.name} lacks {' and '.join(lacking)}: {reason}"
        folder = shortest(self.folder)
        if scores is not None:
            text += f"; {folder} holds all values in history.csv and metrics.json"
        elif num_lost:
            text += f"; {folder} holds them, and the resumed run sends them"
        self.warn(text)

    def add(self, event: Event) -> None:
        """Queues an event, unless the connection is closed."""
        with self.changed:
            if self.is_open:
                self.events.append(event)
                self.changed.notify_all()

    def send_events(self) -> None:
        """Sends one event after another until the connection is closed.

        The thread runs this method. An event stays in the queue until it is sent or
        refused.
        """
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.events or not self.is_open)
                if not self.is_open:
                    return
                event = self.events[0]
            try:
                self.tracker._event_time = event.time
                event.call()
            except (Exception, SystemExit) as error:
                self.handle_error(event, error)
                continue
            if event.epoch:
                record = {"tracker": self.tracker.name, "epoch": event.epoch}
                # If the folder cannot be written, the run itself reports that.
                with contextlib.suppress(MtlError):
                    write_text(self.folder / RECORD, json.dumps(record) + "\n")
            with self.changed:
                self.events.popleft()
                self.is_away = False
                self.changed.notify_all()

    def handle_error(self, event: Event, error: BaseException) -> None:
        """Drops an event that was refused; waits if the service does not answer.

        If the service does not answer, the event stays in the queue to be sent again.
        The first error prints a warning.
        """
        with self.changed:
            if not self.is_open:
                return
            is_first_error = not self.reason
            self.reason = first_line(error)
            # Errors of the network are subclasses of `OSError`.
            self.is_away = isinstance(error, OSError) and not event.must_succeed
            if event.must_succeed:
                self.start_error, self.is_open = error, False
            if not self.is_away:
                self.events.popleft()
                self.num_refused += event.num_values
            self.changed.notify_all()
        if is_first_error and not event.must_succeed:
            effect = "but some values are missing in the tracker"
            if self.is_away:
                effect = "and what is missing is sent when the tracker answers"
            text = f"tracker: {self.tracker.name}: {self.reason}; training goes on"
            # If the warning cannot be printed, this thread must go on nevertheless.
            with contextlib.suppress(MtlError, OSError, SystemExit):
                self.warn(f"{text}, {effect}")
        if self.is_away:
            with self.changed:
                self.changed.wait_for(lambda: not self.is_open, RETRY_SECONDS)


@contextlib.contextmanager
def tracked_run(
    tracker: Tracker,
    folder: Path,
    warn: Callable[[str], object],
    values: dict[str, Any],
    earlier_rows: Iterable[dict[str, Any]] | None,
) -> Iterator[TrackedRun]:
    """Starts a tracker, and yields the connection; ends the tracker if the run fails.

    If the run succeeds, the block itself calls `end` with the final scores.

    Args:
        tracker: the tracker to call.
        folder: the run folder.
        warn: prints a warning.
        values: the configuration, without secrets.
        earlier_rows: the rows of `history.csv` of the epochs before a resume; None if
            the run trains from the beginning.
    """
    tracked = TrackedRun(tracker, folder, warn)
    tracked.start(values, must_succeed=earlier_rows is None)
    last_sent = tracked.last_epoch_sent()
    for row in earlier_rows or ():
        if row["epoch"] > last_sent:
            tracked.epoch(row["epoch"], row)
    try:
        yield tracked
    except BaseException:
        tracked.end(None)
        raise
