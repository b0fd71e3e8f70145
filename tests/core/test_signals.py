"""Signals wait for a safe point of the training."""

import signal

import pytest

from mtl_cli.core import signals


def test_signal_that_comes_while_processes_connect_stops_the_training(monkeypatch):
    monkeypatch.setattr(signals, "_is_deferring", False)
    monkeypatch.setattr(signals, "_pending", None)
    signals.defer()
    signals._handle(signal.SIGTERM, None)
    with pytest.raises(signals.Stopped) as stopped, signals.deferred():
        assert signals.pending() == signal.SIGTERM
    assert stopped.value.code == 143
