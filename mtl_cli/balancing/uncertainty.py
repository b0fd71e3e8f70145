"""The balancing method `uncertainty`: weights that are trained with the network."""

import math

import numpy as np

from mtl_cli.balancing._adam import initial_adam_state, take_adam_step
from mtl_cli.balancing.base import Array, Balancing, Observation, State
from mtl_cli.core.options import Positive
from mtl_cli.core.tensors import Tensor

MAX_WEIGHT = 1000.0


class Uncertainty(Balancing):
    """Trains a value s_t per task: the logarithm of the variance of the task's noise.

        w_t = exp(-s_t)
        s_t minimises  exp(-s_t) L_t + s_t / 2

    L_t is the loss of task t. At the minimum, `w_t = 1 / (2 L_t)`: of two tasks, the
    task with half the loss has twice the weight. s_t starts at 0, and Adam trains s_t.
    If L_t is 0, there is no minimum, so w_t is limited to `MAX_WEIGHT`.

    The paper has these equations for classification. For regression, it minimises
    `exp(-s) L / 2 + s / 2`: the same for s' = s + log 2, up to a constant.

    Attributes:
        learning_rate: the learning rate of s_t.

    Reference: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh
        Losses for Scene Geometry and Semantics", CVPR 2018, equations 7 and 10.
        Differs from the paper in: s_t has an optimizer of its own; w_t is limited; the
        weight of a regression starts at 1, not at 1/2.
    """

    learning_rate: Positive

    def initial_state(self, num_tasks: int, num_variables: int) -> dict[str, Array]:
        # `values` is s.
        return initial_adam_state(np.zeros(num_tasks, "float32"))

    def loss_weights(self, state: State, num_tasks: int) -> Tensor:
        import tensorflow as tf

        return tf.exp(-state["values"])

    def next_state(self, state: State, observation: Observation) -> State:
        import tensorflow as tf

        weights = self.loss_weights(state, len(observation.tasks))
        # The derivative of exp(-s_t) L_t + s_t / 2.
        gradient = 0.5 - weights * observation.losses
        state = take_adam_step(state, gradient, self.learning_rate, observation)
        min_value = -math.log(MAX_WEIGHT)
        return state | {"values": tf.maximum(state["values"], min_value)}
