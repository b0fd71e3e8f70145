"""The balancing method `uncertainty`: weights that are trained with the network."""

import math

from mtl_cli.balancing.base import (
    Array,
    Balancing,
    Observation,
    State,
    start_of_adam,
    step_of_adam,
)
from mtl_cli.core.options import Positive
from mtl_cli.core.tensors import Tensor

MAX_WEIGHT = 1000.0


class Uncertainty(Balancing):
    """Each task has a trained value s_t, the logarithm of its noise's variance.

        w_t = exp(-s_t)
        s_t minimises  exp(-s_t) L_t + s_t / 2

    At the minimum, `w_t = 1 / (2 L_t)`: a task of half the loss has twice the weight.
    No weight rises above 1000, so that a loss of 0 does not overflow. Adam trains s_t,
    which starts at 0. For regression the paper has `exp(-s) L / 2 + s / 2`. This is the
    same rule for s + log 2, up to a constant, so one rule serves all kinds of tasks.

    Attributes:
        learning_rate: the learning rate of s_t.

    Reference: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh
        Losses for Scene Geometry and Semantics", CVPR 2018, equations 7 and 10.
        Differs from the paper in: s_t has an optimizer of its own; weights are limited;
        a regression starts at the weight 1, not 1/2.
    """

    learning_rate: Positive

    def start(self, num_tasks: int, num_weights: int) -> dict[str, Array]:
        import numpy as np

        return start_of_adam(np.zeros(num_tasks, "float32"))

    def loss_weights(self, state: State, num_tasks: int) -> Tensor:
        import tensorflow as tf

        return tf.exp(-state["values"])

    def next_state(self, state: State, observation: Observation) -> State:
        import tensorflow as tf

        weights = self.loss_weights(state, len(observation.tasks))
        gradient = 0.5 - weights * observation.losses  # of s_t
        state = step_of_adam(state, gradient, self.learning_rate, observation)
        return state | {"values": tf.maximum(state["values"], -math.log(MAX_WEIGHT))}
