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

from mtl_cli.core.errors import ConfigError, MtlError, first_line
from mtl_cli.core.plugin_code import plugin_line
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.outcome import failure_message
from mtl_cli.runs.tracker_events import Event, send
from mtl_cli.runs.trained_run import epoch_row
from mtl_cli.trackers.base import Tracker
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
        # Whether events are queued and sent: until `end`, or until the tracker could
        # not start.
        self.is_open = tracker.name != "none"
        self.events: deque[Event] = deque()
        self.is_away = False  # whether the service did not answer the last call
        self.has_refused = False  # whether the service has refused an event
        self.reason = ""  # the error that explains missing values
        self.start_error: BaseException | None = None  # of a call that must succeed

    def start(self, values: dict[str, Any], must_succeed: bool) -> None:
        """Starts the tracker and the thread, and waits until the tracker has started.

        If the tracker cannot start, the run ends with a `ConfigError` if `must_succeed`
        is true. Otherwise the run goes on, and the tracker may start later.
        """
        if not self.is_open:
            return
        call = partial(self.tracker.start, self.folder, values)
        self.add(Event(call, must_succeed=must_succeed))
        threading.Thread(target=self.send_events, daemon=True).start()
        # Waiting also keeps the thread from importing the tracker's packages while the
        # run imports its own packages.
        with self.lock:  # until the start is sent or refused, or a first try has failed
            self.lock.wait_for(lambda: not self.events or self.is_away)
        if isinstance(self.start_error, MtlError):
            raise self.start_error
        if self.start_error is not None:
            raise ConfigError(
                f"tracker: {self.tracker.name} cannot start: {self.reason}; mend this, "
                "or train with tracker=none"
            ) from self.start_error

    def resume(self, epochs: list[Epoch]) -> None:
        """Queues the epochs before a resume: the tracker may lack some of them."""
        self.add(Event(partial(self.tracker.resume, epochs[-1].number)))
        for epoch in epochs:
            self.epoch(epoch, is_earlier=True)

    def epoch(self, epoch: Epoch, is_earlier: bool = False) -> None:
        """Queues the losses and validation metrics of an epoch.

        `is_earlier` is whether the epoch is from before a resume.
        """
        call = partial(self.tracker.epoch, epoch.number, epoch_row(epoch))
        self.add(Event(call, epoch.number, is_earlier, time=epoch.end_time))

    def end(self, scores: dict[str, Scores] | None) -> None:
        """Queues the final scores, waits until all events are sent, and closes.

        The time of waiting is limited. If events were not sent by then, or were refused
        earlier, a warning says so. The scores are None if the run failed.
        """
        if not self.is_open:
            return
        self.add(Event(partial(self.tracker.end, scores)))
        # If `end` is called twice, a signal has interrupted the first call. So the
        # second call does not wait.
        is_interrupted, self.end_has_begun = self.end_has_begun, True
        if not is_interrupted:
            self.wait_until_sent()
        with self.lock:  # ends the thread: afterwards it changes nothing
            self.is_open = False
            self.lock.notify_all()
        if self.events or self.has_refused:
            reason = self.reason or "the run ended before"
            self.warn(
                f"tracker: {self.tracker.name} has not received everything: {reason}; "
                "the run folder holds all values"
            )

    def wait_until_sent(self) -> None:
        begin = time.monotonic()
        with self.lock:
            while self.events:
                limit = MAX_SECONDS_AWAY if self.is_away else MAX_SECONDS_BUSY
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
        """Waits for an event, and returns the first one; None after the end."""
        with self.lock:
            self.lock.wait_for(lambda: self.events or not self.is_open)
            return self.events[0] if self.is_open else None

    def send_events(self) -> None:
        """Sends one event after another until the connection is closed.

        The thread runs this method. An event stays in the queue until it is sent or
        refused.
        """
        while (event := self.next_event()) is not None:
            error = send(self.tracker, self.folder, event)
            with self.lock:
                if not self.is_open:
                    return
                is_first_error = error is not None and not self.reason
                self.note_outcome(event, error)
                self.lock.notify_all()
            if is_first_error and not event.must_succeed:
                # If the warning cannot be printed, this thread must go on nevertheless.
                with contextlib.suppress(MtlError, OSError, SystemExit):
                    self.warn(
                        f"tracker: {self.tracker.name}: {self.reason}; training goes on"
                    )
            if self.is_away:
                with self.lock:
                    self.lock.wait_for(lambda: not self.is_open, RETRY_SECONDS)

    def note_outcome(self, event: Event, error: BaseException | None) -> None:
        # Errors of the network are subclasses of `OSError`. A call that must succeed is
        # not repeated.
        self.is_away = isinstance(error, OSError) and not event.must_succeed
        if not self.is_away:
            self.events.popleft()
        if error is None:
            return
        # Later refusals often follow from the first one.
        if self.is_away or not self.has_refused:
            # Errors of the network are clear without their class. Others are not: the
            # text of a `KeyError` is only the key.
            is_clear = isinstance(error, OSError)
            message = first_line(error) if is_clear else failure_message(error)
            self.reason = f"{message}{plugin_line(error)}"
        self.has_refused |= not self.is_away
        if event.must_succeed:
            self.start_error = error
            self.is_open = False


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

    `values` is the configuration, without secrets. `earlier_epochs` are the epochs
    before a resume; None if the run trains from the beginning.
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
