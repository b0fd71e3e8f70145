"""The learning rate over a run."""

import math
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor


@keras.saving.register_keras_serializable(package="mtl_cli")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly in the warm-up, then stays or falls.

    For a run of N steps, the first n of them the warm-up, the rate of step s, counted
    from 0, is `peak * min(1, (s + 1) / n) * fall(max(0, (s - n) / (N - n)))`. Here
    `fall(x)` is 1 for `constant`, `1 - x` for `linear`, and `(1 + cos(pi x)) / 2` for
    `cosine`. A falling rate reaches 0 in step N, after the last step, so that every
    step learns.

    Args:
        peak: the highest learning rate.
        shape: the curve along which the rate falls: `constant`, `linear` or `cosine`.
        warmup_steps: number of warm-up steps, n.
        total_steps: number of steps of the whole run, N.
        first_step: number of the step that counts as step 0.

    Example:
        >>> [float(Schedule(1.0, "linear", 2, 4)(step)) for step in range(4)]
        [0.5, 1.0, 1.0, 0.5]
    """

    def __init__(
        self,
        peak: float,
        shape: str,
        warmup_steps: int,
        total_steps: int,
        first_step: int = 0,
    ) -> None:
        super().__init__()
        self.peak = peak
        self.shape = shape
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.first_step = first_step

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step - self.first_step, "float32")
        rise = ops.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)
        x = (step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1)
        x = ops.clip(x, 0.0, 1.0)
        fall = {
            "constant": ops.ones_like(x),
            "cosine": 0.5 * (1 + ops.cos(math.pi * x)),
            "linear": 1 - x,
        }[self.shape]
        return self.peak * rise * fall

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "shape": self.shape,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "first_step": self.first_step,
        }
