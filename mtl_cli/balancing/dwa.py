"""The balancing method `dwa`: tasks whose loss falls slowly get more weight."""

import numpy as np

from mtl_cli.balancing.base import Array, Balancing, Observation, State
from mtl_cli.core.options import Positive
from mtl_cli.core.tensors import Tensor


class DWA(Balancing):
    """Dynamic weight average: a task whose loss fell less gets more weight.

        r_t(n) = L_t(n - 1) / L_t(n - 2)
        w_t(n) = T softmax_t(r_t(n) / tau)

    L_t(n) is the loss of task t in epoch n: the mean over the steps with rows of the
    task. T is the number of tasks. Until every task has two epochs with rows, every w_t
    is 1. An epoch without rows of a task does not count for the task.

    Attributes:
        temperature: tau; higher values give weights closer to 1.

    Reference: Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention",
        CVPR 2019, equation 7.
    """

    temperature: Positive

    def initial_state(self, num_tasks: int, num_variables: int) -> dict[str, Array]:
        # `last_epoch` and `epoch_before` are the mean losses of the last two epochs, or
        # 0 if there is no such epoch yet.
        names = ("loss_sum", "num_steps", "last_epoch", "epoch_before")
        return {name: np.zeros(num_tasks, "float32") for name in names}

    def loss_weights(self, state: State, num_tasks: int) -> Tensor:
        import tensorflow as tf

        last, before = state["last_epoch"], state["epoch_before"]
        ratios = tf.math.divide_no_nan(last, before)
        weights = num_tasks * tf.nn.softmax(ratios / self.temperature)
        return tf.where(tf.reduce_all(before > 0), weights, tf.ones(num_tasks))

    def next_state(self, state: State, observation: Observation) -> State:
        import tensorflow as tf

        loss_sum = state["loss_sum"] + observation.losses
        num_steps = state["num_steps"] + tf.cast(observation.has_rows, tf.float32)
        zeros = tf.zeros_like(loss_sum)
        had_rows = num_steps > 0
        means = tf.math.divide_no_nan(loss_sum, num_steps)
        last, before = state["last_epoch"], state["epoch_before"]
        after_epoch = {
            "loss_sum": zeros,
            "num_steps": zeros,
            "last_epoch": tf.where(had_rows, means, last),
            "epoch_before": tf.where(had_rows, last, before),
        }
        within_epoch = state | {"loss_sum": loss_sum, "num_steps": num_steps}
        return {
            name: tf.where(observation.ends_epoch, after_epoch[name], value)
            for name, value in within_epoch.items()
        }
