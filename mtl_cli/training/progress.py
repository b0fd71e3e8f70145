"""The course of a training: its epochs, and the functions to call on the way."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mtl_cli.metrics.scores import Scores


@dataclass
class Epoch:
    """The outcome of one pass over the training rows.

    Attributes:
        number: number of the epoch, from 1.
        losses: for each task, the mean loss over the task's rows.
        valid: for each task, the scores of the validation rows; empty without any.
        monitored: the watched metric, turned so that more is better; None without
            validation rows.
        seconds: duration of the training, without validation.
        samples_per_second: training rows per second.
        best: whether no earlier epoch was better.
    """

    number: int
    losses: dict[str, float]
    valid: Scores
    monitored: float | None
    seconds: float
    samples_per_second: float
    best: bool = False


@dataclass
class Progress:
    """The functions to call while training goes on.

    Attributes:
        step: called with the epoch's number, the share of it that is done, the mean
            losses of its last steps by task, and samples per second.
        epoch: called with each epoch when it is over.
    """

    step: Callable[[int, float, dict[str, float], float], Any] = lambda *_: None
    epoch: Callable[[Epoch], Any] = lambda _: None

    def follow(self, other: Callable[[Epoch], Any]) -> None:
        """Calls another function too when an epoch is over."""
        first = self.epoch

        def both(epoch: Epoch) -> None:
            first(epoch)
            other(epoch)

        self.epoch = both


@dataclass
class History:
    """The outcome of a training.

    Attributes:
        epochs: all epochs.
        kept_epoch: number of the epoch whose weights the network has at the end.
        compile_seconds: time that the first steps took longer than later ones, for
            tracing and compiling.
        validation_seconds: time of predicting and scoring the validation rows.
        checkpoint_seconds: time of writing checkpoints.
    """

    epochs: list[Epoch] = field(default_factory=list)
    kept_epoch: int = 0
    compile_seconds: float = 0.0
    validation_seconds: float = 0.0
    checkpoint_seconds: float = 0.0

    @property
    def best(self) -> float:
        """The highest monitored value so far."""
        values = [epoch.monitored for epoch in self.epochs if epoch.best]
        return values[-1] if values and values[-1] is not None else -math.inf
