"""A run and its tracker: nothing that a tracker does stops or delays the run."""

import json
import signal
import threading
import time
from asyncio import CancelledError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import PrivateAttr

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.signals import Stopped
from mtl_cli.runs import tracked_run as module
from mtl_cli.runs.tracked_run import tracked_run
from mtl_cli.trackers.base import Tracker
from tests.helpers.epochs import epoch

PATIENCE_SECONDS = 20
SCORES: Any = {"test": {"buy": {"auc": 0.5, "log_loss": 0.7}}}


class Recorder(Tracker):
    """Records its calls; raises `error` instead, while there is one."""

    _calls: list[str] = PrivateAttr(default_factory=list)
    _times: list[float] = PrivateAttr(default_factory=list)
    _error: BaseException | None = PrivateAttr(None)
    _attempts: int = PrivateAttr(0)
    _hears_of_resumes: bool = PrivateAttr(False)

    def record(self, call: str) -> None:
        self._attempts += 1
        if self._error is not None:
            raise self._error
        self._calls.append(call)
        self._times.append(self._event_time)

    def start(self, run: Path, values: dict[str, Any]) -> None:
        self.record("start")

    def resume(self, number: int) -> None:
        if self._hears_of_resumes:
            self.record(f"resume {number}")

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        self.record(f"epoch {number}")

    def end(self, scores: Any) -> None:
        self.record("failed" if scores is None else "done")


class RecorderWithoutDestination(Recorder):
    """A plugin whose `destination` raises an error."""

    @property
    def destination(self) -> str:
        raise Exception("no project")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "MAX_SECONDS_AWAY", 0.2)
    monkeypatch.setattr(module, "MAX_SECONDS_BUSY", PATIENCE_SECONDS)
    yield
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any("send_events" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_tracker_gets_all_events_in_their_order(tmp_path: Path) -> None:
    tracker, warnings = Recorder(name="recorder"), list[str]()
    with tracked_run(tracker, tmp_path, warnings.append, {}, None) as tracked:
        tracked.epoch(epoch(1))
        tracked.epoch(epoch(2))
        tracked.end(SCORES)
    assert tracker._calls == ["start", "epoch 1", "epoch 2", "done"]
    record = json.loads((tmp_path / "tracked.json").read_text())
    assert record == {"recorder": 2}
    assert not warnings


def test_tracker_hears_of_a_failed_run(tmp_path: Path) -> None:
    tracker = Recorder(name="recorder")
    with (
        pytest.raises(ValueError, match="steps"),
        tracked_run(tracker, tmp_path, print, {}, None),
    ):
        raise ValueError("no steps")
    assert tracker._calls == ["start", "failed"]


@pytest.mark.parametrize(
    "error", [ConnectionError, KeyError, SystemExit, CancelledError]
)
def test_error_at_the_start_ends_a_new_run(error: Any, tmp_path: Path) -> None:
    tracker = Recorder(name="recorder")
    tracker._error = error("no such host")
    message = "^tracker: recorder cannot start: .*no such host.*; mend this, or train"
    with (
        pytest.raises(ConfigError, match=message),
        tracked_run(tracker, tmp_path, print, {}, None),
    ):
        pytest.fail("the run began")


def test_error_at_the_start_of_a_resumed_run_is_a_warning(tmp_path: Path) -> None:
    tracker, warnings = Recorder(name="recorder"), list[str]()
    tracker._error = ConnectionError("no answer")
    with tracked_run(tracker, tmp_path, warnings.append, {}, []) as tracked:
        tracked.epoch(epoch(1))
        tracker._error = None
        tracked.end(SCORES)
    assert tracker._calls == ["start", "epoch 1", "done"]
    assert len(warnings) == 1


def test_tracker_hears_of_the_last_epoch_before_a_resume(tmp_path: Path) -> None:
    (tmp_path / "tracked.json").write_text('{"recorder": 2}')
    tracker, warnings = Recorder(name="recorder"), list[str]()
    tracker._hears_of_resumes = True
    epochs = [epoch(1), epoch(2)]
    with tracked_run(tracker, tmp_path, warnings.append, {}, epochs) as tracked:
        tracked.end(SCORES)
    assert tracker._calls == ["start", "resume 2", "done"]


def test_refused_end_is_named_with_the_first_refusal(tmp_path: Path) -> None:
    tracker, warnings = Recorder(name="recorder"), list[str]()
    with tracked_run(tracker, tmp_path, warnings.append, {}, None) as tracked:
        tracker._error = ValueError("the first reason")
        tracked.epoch(epoch(1))
        wait_until(lambda: tracker._attempts == 2)
        tracker._error = ValueError("another reason")
        tracked.end({})
    assert "has not received everything: ValueError: the first" in warnings[-1]


def test_events_of_an_absence_are_sent_later_with_their_own_times(
    tmp_path: Path,
) -> None:
    tracker, warnings = Recorder(name="recorder"), list[str]()
    with tracked_run(tracker, tmp_path, warnings.append, {}, None) as tracked:
        tracker._error = ConnectionError("no answer")
        tracked.epoch(epoch(1))
        tracked.epoch(epoch(2))
        queued = time.time()
        wait_until(lambda: tracker._attempts > 4)
        tracker._error = None
        tracked.end(SCORES)
    assert tracker._calls == ["start", "epoch 1", "epoch 2", "done"]
    assert tracker._times[1] <= tracker._times[2] <= queued <= tracker._times[3]
    assert warnings == ["tracker: recorder: no answer; training goes on"]


def test_tracker_that_hangs_delays_no_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(Recorder, "epoch", lambda *_: answered.wait(PATIENCE_SECONDS))
    with tracked_run(Recorder(name="recorder"), tmp_path, print, {}, None) as tracked:
        begin = time.monotonic()
        for number in range(1, 100):
            tracked.epoch(epoch(number))
        assert time.monotonic() - begin < PATIENCE_SECONDS / 2
        answered.set()
        tracked.end(SCORES)


def test_missing_values_are_told_at_the_end(tmp_path: Path) -> None:
    tracker, warnings = Recorder(name="recorder"), list[str]()
    with tracked_run(tracker, tmp_path, warnings.append, {}, None) as tracked:
        tracker._error = ConnectionError("no answer")
        tracked.epoch(epoch(1))
        begin = time.monotonic()
        tracked.end(SCORES)
        assert 0.1 < time.monotonic() - begin < PATIENCE_SECONDS / 2
    assert len(warnings) == 2
    assert warnings[1] == (
        "tracker: recorder has not received everything: no answer; the run folder "
        "holds all values"
    )


def test_what_a_service_refuses_is_not_repeated(tmp_path: Path) -> None:
    tracker, warnings = Recorder(name="recorder"), list[str]()
    with tracked_run(tracker, tmp_path, warnings.append, {}, None) as tracked:
        tracker._error = KeyError("auc")
        tracked.epoch(epoch(1))
        wait_until(lambda: not tracked.events)
        tracker._error = None
        tracked.epoch(epoch(2))
        tracked.end(SCORES)
    assert tracker._calls == ["start", "epoch 2", "done"]
    assert warnings[0].startswith(
        "tracker: recorder: KeyError: 'auc'; training goes on"
    )
    assert "has not received everything: KeyError: 'auc'; " in warnings[1]
    assert len(warnings) == 2


def test_error_of_the_destination_is_a_refusal(tmp_path: Path) -> None:
    tracker, warnings = RecorderWithoutDestination(name="recorder"), list[str]()
    with tracked_run(tracker, tmp_path, warnings.append, {}, [epoch(1)]) as tracked:
        tracked.epoch(epoch(2))
        tracked.end(SCORES)
    assert tracker._calls == ["start", "done"]
    assert "has not received everything: Exception: no project" in warnings[-1]


@pytest.mark.parametrize(
    ("record", "sent"),
    [
        ('{"recorder": 1}', ["epoch 2", "epoch 3"]),
        ('{"other": 1}', ["epoch 1", "epoch 2", "epoch 3"]),
        ('{"recorder": 1, "other": 3}', ["epoch 2", "epoch 3"]),
        ("[]", ["epoch 1", "epoch 2", "epoch 3"]),
        ('{"recorder": Infinity}', ["epoch 1", "epoch 2", "epoch 3"]),
    ],
)
def test_resumed_run_sends_only_epochs_that_were_not_sent(
    record: str, sent: list[str], tmp_path: Path
) -> None:
    (tmp_path / "tracked.json").write_text(record)
    tracker = Recorder(name="recorder")
    epochs = [epoch(1), epoch(2), epoch(3)]
    with tracked_run(tracker, tmp_path, print, {}, epochs) as tracked:
        tracked.end(SCORES)
    assert tracker._calls == ["start", *sent, "done"]


def test_epochs_before_a_resume_are_sent_with_their_own_times(tmp_path: Path) -> None:
    tracker = Recorder(name="recorder")
    epochs = [epoch(1, end_time=1000.0), epoch(2, end_time=2000.0)]
    with tracked_run(tracker, tmp_path, print, {}, epochs) as tracked:
        tracked.epoch(epoch(3, end_time=3000.0))
        tracked.end(SCORES)
    assert tracker._times[1:4] == [1000.0, 2000.0, 3000.0]


def test_each_destination_gets_each_epoch_once(tmp_path: Path) -> None:
    first, second = Recorder(name="first"), Recorder(name="second")
    with tracked_run(first, tmp_path, print, {}, None) as tracked:
        tracked.epoch(epoch(1))
        tracked.end(SCORES)
    with tracked_run(second, tmp_path, print, {}, [epoch(1)]) as tracked:
        tracked.epoch(epoch(2))
        tracked.end(SCORES)
    with tracked_run(first, tmp_path, print, {}, [epoch(1), epoch(2)]) as tracked:
        tracked.end(SCORES)
    assert first._calls == ["start", "epoch 1", "done", "start", "epoch 2", "done"]
    assert second._calls == ["start", "epoch 1", "epoch 2", "done"]


def test_signal_ends_the_wait_for_a_tracker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS_AWAY", PATIENCE_SECONDS)
    tracker, warnings = Recorder(name="recorder"), list[str]()
    begin = time.monotonic()
    with (
        pytest.raises(Stopped),
        tracked_run(tracker, tmp_path, warnings.append, {}, None) as tracked,
    ):
        tracker._error = ConnectionError("no answer")
        tracked.end_has_begun = True  # as in a first call of `end`
        raise Stopped(signal.SIGINT)
    assert time.monotonic() - begin < PATIENCE_SECONDS / 2
    assert "has not received everything" in warnings[-1]


def test_run_without_a_tracker_has_no_thread_and_no_record(tmp_path: Path) -> None:
    with tracked_run(Recorder(name="none"), tmp_path, print, {}, None) as tracked:
        tracked.epoch(epoch(1))
        tracked.end(SCORES)
    assert not list(tmp_path.iterdir())
