"""What training tells while it goes on, and what it leaves."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mtl_cli.metrics.scores import Scores


@dataclass
class Epoch:
    """What one pass over the training rows brought.

    Attributes:
        number: from 1.
        losses: by task, mean over the task's rows.
        valid: scores of the validation rows by task; empty without any.
        monitored: the watched metric, more is better; None without any.
        seconds: of training, without validation.
        samples_per_second: training rows over those seconds.
        best: whether it is the best so far.
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
    """Whom to tell how training goes.

    Attributes:
        step: called with the epoch, the share of it that is done, the losses of its
            last steps by task, and samples a second.
        epoch: called with each epoch when it is over.
    """

    step: Callable[[int, float, dict[str, float], float], Any] = lambda *_: None
    epoch: Callable[[Epoch], Any] = lambda _: None

    def follow(self, other: Callable[[Epoch], Any]) -> None:
        """Tells another of each epoch too."""
        first = self.epoch

        def both(epoch: Epoch) -> None:
            first(epoch)
            other(epoch)

        self.epoch = both


@dataclass
class History:
    """What training leaves.

    Attributes:
        epochs: all of them.
        kept: the number of the one whose weights the network has at the end.
        compiling: seconds that the first steps took longer than others: tracing and
            compiling.
        validating: seconds of predicting and scoring the validation rows.
        saving: seconds of writing checkpoints.
    """

    epochs: list[Epoch] = field(default_factory=list)
    kept: int = 0
    compiling: float = 0.0
    validating: float = 0.0
    saving: float = 0.0

    @property
    def best(self) -> float:
        """The highest monitored value so far."""
        values = [epoch.monitored for epoch in self.epochs if epoch.best]
        return values[-1] if values and values[-1] is not None else -math.inf
