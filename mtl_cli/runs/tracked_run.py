"""Sends the events of a run to its tracker, without stopping or delaying the run.

The run puts its events into a queue, and a thread sends them. If the tracker's service
does not answer, the thread tries again. An event that the service refuses is dropped.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mtl_cli.core.errors import ConfigError, MtlError
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.epoch_rows import epoch_row
from mtl_cli.runs.tracker_events import Event, Outcome, Outcomes, send, was_sent
from mtl_cli.runs.tracker_warnings import (
    error_warning,
    missing_warning,
    where_values_are,
)
from mtl_cli.trackers.base import Tracker, flat_numbers
from mtl_cli.training.progress import Epoch

RETRY_SECONDS = 2  # the pause before a call is repeated
# The seconds that a run waits at its end for a service that does not answer.
MAX_SECONDS_AWAY = 15
# The seconds that a run waits at its end for a service that may be receiving files.
MAX_SECONDS_BUSY = 600


class TrackedRun:
    """The connection of a run to its tracker: a queue of events, sent by a thread."""

    def __init__(
        self, tracker: Tracker, folder: Path, warn: Callable[[str], object]
    ) -> None:
        self.tracker, self.folder, self.warn = tracker, folder, warn
        self.end_has_begun = False  # whether `end` has been called
        # The run and the thread hold this lock while they change an attribute below,
        # and then notify each other.
        self.lock = threading.Condition()
        # Whether events are queued and sent: until `close`, or until the tracker could
        # not start.
        self.is_open = tracker.name != "none"
        self.events: deque[Event] = deque()
        self.outcomes = Outcomes()

    def start(self, values: dict[str, Any], must_succeed: bool) -> None:
        """Starts the tracker and the thread, and waits until the tracker has started.

        Args:
            values: the configuration, without secrets.
            must_succeed: whether the run ends with an error if the tracker cannot
                start. Otherwise the run goes on, and the tracker may start later.

        Raises:
            ConfigError: if the tracker must start, but cannot.
        """
        if not self.is_open:
            return
        call = partial(self.tracker.start, self.folder, values)
        self.add(Event(call, must_succeed=must_succeed))
        threading.Thread(target=self.send_events, daemon=True).start()
        # Waiting also keeps the thread from importing the tracker's packages while the
        # run imports its own packages.
        with self.lock:  # until the start is sent or refused, or a first try has failed
            self.lock.wait_for(
                lambda: not self.events or self.outcomes.last is Outcome.AWAY
            )
        error = self.outcomes.start_error
        if isinstance(error, MtlError):
            raise error
        if error is not None:
            raise ConfigError(
                f"tracker: {self.tracker.name} cannot start: {self.outcomes.reason}; "
                "mend this, or train with tracker=none"
            ) from error

    def resume(self, epochs: list[Epoch]) -> None:
        """Queues the epochs before a resume: the tracker may lack some of them."""
        self.add(Event(partial(self.tracker.resume, epochs[-1].number)))
        for epoch in epochs:
            self.epoch(epoch, is_earlier=True)

    def epoch(self, epoch: Epoch, is_earlier: bool = False) -> None:
        """Queues the losses and validation metrics of an epoch.

        `is_earlier` is whether the epoch is from before a resume.
        """
        row = epoch_row(epoch)
        self.add(
            Event(
                call=partial(self.tracker.epoch, epoch.number, row),
                num_values=len(flat_numbers(row)),
                epoch=epoch.number,
                is_earlier=is_earlier,
                time=epoch.end_time,
            )
        )

    def end(self, scores: dict[str, Scores] | None) -> None:
        """Queues the final scores, waits until all events are sent, and closes.

        The time of waiting is limited. If values were not sent by then, or were refused
        earlier, one warning counts them. The scores are None if the run failed.
        """
        if not self.is_open:
            return
        call = partial(self.tracker.end, scores)
        self.add(Event(call, len(flat_numbers(dict(scores or {}))), is_end=True))
        # If `end` is called twice, a signal has interrupted the first call. So the
        # second call does not wait.
        is_interrupted, self.end_has_begun = self.end_has_begun, True
        if not is_interrupted:
            self.wait_until_sent()
        self.close()
        self.warn_of_missing_values(scores is None, is_interrupted)

    def close(self) -> None:
        """Ends the thread. Afterwards the thread changes nothing."""
        with self.lock:
            self.is_open = False
            self.lock.notify_all()

    def warn_of_missing_values(self, has_failed: bool, is_interrupted: bool) -> None:
        """Prints a warning that counts the values that the tracker has not received.

        Args:
            has_failed: whether the run has failed.
            is_interrupted: whether a signal has ended the wait for the tracker.
        """
        refused = self.outcomes.refused
        missing = refused + [
            event
            for event in self.events
            if not was_sent(self.tracker, self.folder, event)
        ]
        num_refused = sum(event.num_values for event in refused)
        num_missing = sum(event.num_values for event in missing)
        lacks_end = any(event.is_end for event in missing)
        if num_missing or lacks_end:
            reason = self.outcomes.reason or reason_without_error(is_interrupted)
            self.warn(
                missing_warning(self.tracker.name, num_missing, lacks_end, reason)
                + where_values_are(self.folder, num_missing, num_refused, has_failed)
            )

    def wait_until_sent(self) -> None:
        """Waits until all events are sent or refused, or the time is over."""
        begin = time.monotonic()
        with self.lock:
            while self.events:
                is_away = self.outcomes.last is Outcome.AWAY
                limit = MAX_SECONDS_AWAY if is_away else MAX_SECONDS_BUSY
                seconds_left = begin + limit - time.monotonic()
                if seconds_left <= 0:
                    return
                self.lock.wait(seconds_left)

    def add(self, event: Event) -> None:
        """Queues an event, unless the connection is closed."""
        with self.lock:
            if self.is_open:
                self.events.append(event)
                self.lock.notify_all()

    def next_event(self) -> Event | None:
        """Waits for an event, and returns the first one; None after `close`."""
        with self.lock:
            self.lock.wait_for(lambda: self.events or not self.is_open)
            return self.events[0] if self.is_open else None

    def send_events(self) -> None:
        """Sends one event after another until the connection is closed.

        The thread runs this method. An event stays in the queue until it is sent or
        refused.
        """
        while (event := self.next_event()) is not None:
            outcome, error = send(self.tracker, self.folder, event)
            with self.lock:
                if not self.is_open:
                    return
                is_first_error = error is not None and not self.outcomes.reason
                self.outcomes.note(event, outcome, error)
                if outcome is not Outcome.AWAY:
                    self.events.popleft()
                if self.outcomes.start_error:
                    self.is_open = False
                self.lock.notify_all()
            if is_first_error and not event.must_succeed:
                # If the warning cannot be printed, this thread must go on nevertheless.
                with contextlib.suppress(MtlError, OSError, SystemExit):
                    reason = self.outcomes.reason
                    self.warn(error_warning(self.tracker.name, reason, outcome))
            if outcome is Outcome.AWAY:
                with self.lock:
                    self.lock.wait_for(lambda: not self.is_open, RETRY_SECONDS)


def reason_without_error(is_interrupted: bool) -> str:
    """Returns why events are not sent, if the service has raised no error."""
    if is_interrupted:
        return "the run was stopped before the tracker had received them"
    return f"the tracker has not received them within {MAX_SECONDS_BUSY} s"


@contextlib.contextmanager
def tracked_run(
    tracker: Tracker,
    folder: Path,
    warn: Callable[[str], object],
    values: dict[str, Any],
    earlier_epochs: list[Epoch] | None,
) -> Iterator[TrackedRun]:
    """Starts a tracker, sends earlier epochs that it lacks, and yields the connection.

    The block calls `end` with the final scores. If the block raises an error, `end` is
    called here, without scores.

    Args:
        tracker: the tracker to call.
        folder: the run folder.
        warn: prints a warning.
        values: the configuration, without secrets.
        earlier_epochs: the epochs before a resume; None if the run trains from the
            beginning.
    """
    tracked = TrackedRun(tracker, folder, warn)
    tracked.start(values, must_succeed=earlier_epochs is None)
    if earlier_epochs:
        tracked.resume(earlier_epochs)
    try:
        yield tracked
    except BaseException:
        tracked.end(None)
        raise
