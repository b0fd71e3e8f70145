"""The epochs of a training, and the functions that a training calls while it runs."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mtl_cli.metrics.score_dict import Scores


@dataclass(kw_only=True)
class Epoch:
    """The outcome of one pass over the training rows.

    Attributes:
        number: number of the epoch, from 1.
        losses: {task: mean loss over the task's rows}.
        valid: the scores of the validation rows; empty without validation rows.
        monitored: the value of `trainer.monitor` on the validation rows, negated if
            lower is better; None if it is undefined, or without validation rows.
        seconds: duration of the epoch's steps, without compiling and validation.
        samples_per_second: number of training rows, divided by `seconds`.
        best: whether `monitored` is higher than in all earlier epochs.
        compile_seconds: time of tracing and compiling the steps in this epoch.
        task_weights: {task: mean of the weights that the balancing method has given the
            task}; empty if the method never changes the weights.
        end_time: time of the epoch's last step, in seconds since 1970.
    """

    number: int
    losses: dict[str, float]
    valid: Scores
    monitored: float | None
    seconds: float
    samples_per_second: float
    best: bool = False
    compile_seconds: float = 0.0
    task_weights: dict[str, float] = field(default_factory=dict)
    end_time: float = field(default_factory=time.time, compare=False)


@dataclass(frozen=True)
class Progress:
    """The functions that a training calls while it runs.

    `step` is called every few steps, with the epoch's number, the finished fraction of
    the epoch, {task: mean loss of these steps}, and the samples per second.
    """

    step: Callable[[int, float, dict[str, float], float], object] = lambda *_: None
    epoch: Callable[[Epoch], object] = lambda _: None


@dataclass
class History:
    """The finished epochs of a training, and the time that it spent on other work."""

    epochs: list[Epoch] = field(default_factory=list)
    # The number of the epoch whose weights the trained network has, from 1; 0 until the
    # training ends.
    kept_epoch: int = 0
    compile_seconds: float = 0.0
    validation_seconds: float = 0.0
    checkpoint_seconds: float = 0.0

    @property
    def best_epoch(self) -> int:
        """The number of the best epoch so far; 0 if none is best yet."""
        return max((epoch.number for epoch in self.epochs if epoch.best), default=0)

    @property
    def best_value(self) -> float:
        """The highest monitored value so far; minus infinity before the first value."""
        values = [epoch.monitored for epoch in self.epochs if epoch.best]
        return max((x for x in values if x is not None), default=-math.inf)
