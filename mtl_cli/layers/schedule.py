"""The learning rate over a run."""

import math
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor


@keras.saving.register_keras_serializable(package="mtl_cli")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly over the warm-up, then stays or falls.

    With n warm-up steps of N, the rate of step s, counted from 0, is
    `peak min(1, (s + 1) / n) fall((s - n) / (N - n))`. fall(x) is 1, `1 - x`, or
    `(1 + cos(pi x)) / 2`. The rate would reach 0 in the step after the last one, so
    that every step learns.

    Args:
        peak: the highest learning rate.
        shape: `constant`, `cosine` or `linear`, the way down.
        warmup_steps: steps of the rise; step 0 already takes `peak / warmup_steps`.
        total_steps: steps of the whole run.

    Example:
        >>> [float(Schedule(1.0, "linear", 2, 4)(step)) for step in range(4)]
        [0.5, 1.0, 1.0, 0.5]
    """

    def __init__(
        self, peak: float, shape: str, warmup_steps: int, total_steps: int
    ) -> None:
        super().__init__()
        self.peak = peak
        self.shape = shape
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        rise = ops.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)
        done = (step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1)
        done = ops.clip(done, 0.0, 1.0)
        fall = {
            "constant": ops.ones_like(done),
            "cosine": 0.5 * (1 + ops.cos(math.pi * done)),
            "linear": 1 - done,
        }[self.shape]
        return self.peak * rise * fall

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "shape": self.shape,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }
