"""Partitioned normalisation: statistics, scales and shifts of each scenario."""

from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import Shape, register

# The moving statistics of a scenario count as this many rows of a batch. So a scenario
# with a row or two in a batch is not normalised by these rows alone.
PRIOR_ROWS = 10.0


@register
class PartitionedNorm(keras.layers.Layer):
    """Normalises each unit over the rows of each scenario.

    A row of scenario s becomes

        (g * g_s) (x - m_s) / sqrt(v_s + epsilon) + b + b_s

    where m_s and v_s are the mean and the variance over the rows of s: in training over
    the batch, else moving averages. Call the layer as `PartitionedNorm()(x, scenario)`.

    Args:
        momentum: share of the moving averages that a step keeps. In the first steps the
            share is less: all steps so far then have equal shares.
        epsilon: number added to variances.

    Input shape: x `(batch, units)`; the shares of the scenarios in each row,
        `(batch, scenarios)`.
    Output shape: `(batch, units)`.

    Example:
        >>> x, scenario = keras.random.normal((5, 7)), ops.one_hot([0, 1, 1, 0, 2], 3)
        >>> PartitionedNorm()(x, scenario).shape
        TensorShape([5, 7])

    Reference: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender
        for Multi-Domain CTR Prediction", CIKM 2021, section 3.3.
        Differs from the paper in: a batch holds rows of all scenarios, where the
        paper's holds rows of one; the moving statistics count as 10 rows more.
    """

    reads_columns: ClassVar[bool] = True  # as in `StarDense`

    def __init__(
        self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, x_shape: Shape, scenario_shape: Shape) -> None:
        units, scenarios = x_shape[-1], scenario_shape[-1]
        for name, shape, start, is_trained in (
            ("gamma", (units,), "ones", True),
            ("beta", (units,), "zeros", True),
            ("scenario_gamma", (scenarios, units), "ones", True),
            ("scenario_beta", (scenarios, units), "zeros", True),
            ("moving_mean", (scenarios, units), "zeros", False),
            ("moving_variance", (scenarios, units), "ones", False),
            ("moving_steps", (scenarios, 1), "zeros", False),
        ):
            weight = self.add_weight(
                name=name, shape=shape, initializer=start, trainable=is_trained
            )
            setattr(self, name, weight)

    def call(self, x: Tensor, scenario: Tensor, training: bool | None = None) -> Tensor:
        # (S, units)
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training and self.trainable:
            mean, variance = self.statistics(x, scenario)
        # ONNX knows no rsqrt: with sqrt, exports round as the network does.
        y = (x - scenario @ mean) / ops.sqrt(scenario @ variance + self.epsilon)
        y = y * (self.gamma * (scenario @ self.scenario_gamma))
        return y + self.beta + scenario @ self.scenario_beta

    def statistics(self, x: Tensor, scenario: Tensor) -> tuple[Tensor, Tensor]:
        """Returns means and variances of a batch, and moves the moving averages.

        Returns: `(scenarios, units)` each, in which moving averages count too.
        """
        rows = ops.sum(scenario, axis=0)[:, None]  # (S, 1)
        by_scenario = ops.transpose(scenario) / ops.maximum(rows, 1e-6)
        mean = by_scenario @ x
        variance = by_scenario @ ops.square(x - scenario @ mean)
        share = rows / (rows + PRIOR_ROWS)
        # The first batch of a scenario replaces the start: the start is no statistic.
        is_present = ops.cast(rows > 0, x.dtype)
        step = is_present * ops.maximum(1 - self.momentum, 1 / (1 + self.moving_steps))
        self.moving_steps.assign(self.moving_steps.value + is_present)
        used = []
        for moving, own in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moved = moving.value + step * (own - moving.value)
            moving.assign(moved)
            used.append(share * own + (1 - share) * moved)
        return used[0], used[1]

    def compute_output_shape(self, x_shape: Shape, scenario_shape: Shape) -> Shape:
        return x_shape
