"""The learning rate in each step of a run."""

import math

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly in the warm-up, then stays or falls.

    A run has N steps; its first n steps are the warm-up. In step s, counted from 0, the
    rate is

        peak * min(1, (s + 1) / n) * decay(p),    p = max(0, (s - n) / (N - n))

    p is the fraction of the steps after the warm-up that lie before step s. The factor
    decay(p) is 1 for the curve `constant`, 1 - p for `linear`, and (1 + cos(pi p)) / 2
    for `cosine`. Without a warm-up (n = 0), the rate starts at `peak`. `first_step` is
    the optimizer's step count at the start of the run; s is counted from there.

    Example:
        >>> [float(Schedule(1.0, "linear", 2, 4)(step)) for step in range(4)]
        [0.5, 1.0, 1.0, 0.5]
    """

    def __init__(
        self,
        peak: float,
        curve: str,
        warmup_steps: int,
        total_steps: int,
        first_step: int = 0,
    ) -> None:
        super().__init__()
        self.peak, self.curve = peak, curve
        self.warmup_steps, self.total_steps = warmup_steps, total_steps
        self.first_step = first_step

    def __call__(self, step: Tensor) -> Tensor:
        s = ops.cast(step - self.first_step, "float32")
        # `max(..., 1)` avoids divisions by 0.
        rise = ops.minimum((s + 1) / max(self.warmup_steps, 1), 1.0)
        steps_after_warmup = max(self.total_steps - self.warmup_steps, 1)
        # In a step after the end of the run, p stays 1.
        p = ops.clip((s - self.warmup_steps) / steps_after_warmup, 0.0, 1.0)
        decay = {
            "constant": ops.ones_like(p),
            "cosine": 0.5 * (1 + ops.cos(math.pi * p)),
            "linear": 1 - p,
        }[self.curve]
        return self.peak * rise * decay
