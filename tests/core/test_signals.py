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


def test_error_of_a_librarys_cleaning_up_does_not_hide_the_interruption():
    with pytest.raises(signals.Stopped) as stopped, signals.raise_hidden_interrupts():
        try:
            raise signals.Stopped(130)
        finally:
            del unset  # noqa: F821  # as OmegaConf does
    assert stopped.value.code == 130


def test_error_that_hides_no_interruption_stays_as_it_is():
    error = ValueError("wrong")
    with (
        pytest.raises(ValueError, match="wrong") as raised,
        signals.raise_hidden_interrupts(),
    ):
        try:
            raise KeyError("x")
        except KeyError:
            raise error  # noqa: B904
    assert raised.value is error
