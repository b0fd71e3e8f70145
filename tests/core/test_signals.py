"""Signals wait for a safe point of the training."""

import signal

import pytest

from mtl_cli.core import signals


def test_signal_that_comes_while_processes_connect_stops_the_training(monkeypatch):
    monkeypatch.setattr(signals, "_is_deferring", False)
    monkeypatch.setattr(signals, "_pending", 0)
    signals.defer()
    signals._handle(signal.SIGTERM, None)
    with pytest.raises(signals.Stopped) as stopped, signals.deferred():
        assert signals.pending() == signal.SIGTERM
    assert stopped.value.code == 143


def test_error_does_not_hide_the_signal_that_waits(monkeypatch):
    monkeypatch.setattr(signals, "_pending", 0)
    with pytest.raises(signals.Stopped) as stopped, signals.deferred():
        signals._handle(signal.SIGINT, None)
        raise ValueError("the loss is nan")
    assert stopped.value.code == 130
    assert str(stopped.value) == "interrupted, after an error: the loss is nan"
    assert isinstance(stopped.value.__cause__, ValueError)
    with pytest.raises(signals.Stopped):  # signals are no longer deferred
        signals._handle(signal.SIGINT, None)


def test_error_of_a_librarys_cleaning_up_does_not_hide_the_interruption():
    with pytest.raises(signals.Stopped) as stopped, signals.raise_hidden_interrupts():
        try:
            raise signals.Stopped(signal.SIGINT)
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
