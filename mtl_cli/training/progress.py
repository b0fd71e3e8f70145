"""The epochs of a training, and the functions to call while it runs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from mtl_cli.metrics.scores import Scores


@dataclass
class Epoch:
    """The outcome of one pass over the training rows.

    Attributes:
        number: number of the epoch, from 1.
        losses: {task: mean loss over the task's rows}.
        valid: the scores of the validation rows; empty without validation rows.
        monitored: the value of `trainer.monitor` on the validation rows, negative for
            a metric of which less is better; None without validation rows.
        seconds: duration of the epoch's steps, without validation.
        samples_per_second: training rows per second.
        best: whether `monitored` is higher than in all earlier epochs.
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
    """The functions to call while a training runs.

    Attributes:
        step: the function to call after some steps, with the epoch's number, the
            finished share of the epoch, the mean losses of the last steps by task, and
            the samples per second.
        epoch: the function to call with each finished epoch.
    """

    step: Callable[[int, float, dict[str, float], float], object] = lambda *_: None
    epoch: Callable[[Epoch], object] = lambda _: None

    def add_epoch_callback(self, callback: Callable[[Epoch], object]) -> None:
        """Calls one more function with each finished epoch."""
        earlier = self.epoch

        def call_both(epoch: Epoch) -> None:
            earlier(epoch)
            callback(epoch)

        self.epoch = call_both


@dataclass
class History:
    """The outcome of a training.

    Attributes:
        epochs: the finished epochs.
        kept_epoch: number of the best epoch so far; 0 if no epoch has a monitored
            value. After the training, the number of the epoch whose weights the network
            has.
        compile_seconds: estimated time of tracing and compiling: the first epoch takes
            this much longer than later epochs.
        validation_seconds: time of predicting and scoring the validation rows.
        checkpoint_seconds: time of writing checkpoints.
    """

    epochs: list[Epoch] = field(default_factory=list)
    kept_epoch: int = 0
    compile_seconds: float = 0.0
    validation_seconds: float = 0.0
    checkpoint_seconds: float = 0.0

    @property
    def best_value(self) -> float:
        """The highest monitored value so far; minus infinity before the first."""
        values = [epoch.monitored for epoch in self.epochs if epoch.best]
        return values[-1] if values and values[-1] is not None else -math.inf
