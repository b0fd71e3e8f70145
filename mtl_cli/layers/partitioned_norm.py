"""Partitioned normalisation: each scenario has its own statistics, scale and shift."""

from functools import partial
from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel_norms import at_least_float32, update_average
from mtl_cli.layers.register import Shape, register

# In training, the moving averages of a scenario count as much as this number of rows
# of the batch. Otherwise the one or two rows of a rare scenario in a batch would be
# normalised by their own statistics alone.
PRIOR_ROWS = 10.0


@register
class PartitionedNorm(keras.layers.Layer):
    """Normalises each unit by its mean and variance over the rows of a scenario.

    A row x of scenario s becomes

        (gamma * gamma_s) * (x - m_s) / sqrt(v_s + epsilon) + beta + beta_s

    * is the element-wise product. All scenarios share gamma and beta; gamma_s and
    beta_s belong to scenario s. m_s and v_s are the mean and the variance of each unit
    over rows of s: outside of training moving averages, in training weighted means of
    the batch's n rows of s, with the weight n / (n + c), and of the moving averages,
    where c is `PRIOR_ROWS`. The paper calls s a domain p, and writes z for x, mu and
    sigma^2 for the statistics of a batch, and E_p and Var_p for the moving averages.

    Call the layer as `PartitionedNorm()(x, scenario_weights)`. If the scenario of a row
    is unknown, m_s, v_s, gamma_s and beta_s are the means over all scenarios. In
    training, such a row counts as a row of every scenario, with equal weights.

    Args:
        momentum: weight of the old value when a step updates a moving average. In the
            first 1 / (1 - momentum) steps with rows of a scenario, the average is a
            plain mean.
        epsilon: constant added to variances.

    Input shape: x `(batch, units)`; and the weight of each scenario in each row,
        `(batch, scenarios)`, see `StarDense`.
    Output shape: `(batch, units)`.

    Reference: Sheng et al., CIKM 2021, section 3.3, see `models/star.py`.
        Differs from the paper in: a batch holds rows of all scenarios, where a batch of
        the paper holds rows of one; the moving averages take part in training.
    """

    keeps_columns: ClassVar[bool] = True  # as in `MemberInputs`

    def __init__(
        self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, x_shape: Shape, scenario_weights_shape: Shape) -> None:
        units = x_shape[-1]
        num_scenarios = scenario_weights_shape[-1]
        shape = (num_scenarios, units)
        # As in `ParallelBatchNorm`: at least float32.
        dtype = keras.backend.result_type(self.variable_dtype, "float32")
        weight = partial(self.add_weight, dtype=dtype, autocast=False)
        self.gamma = weight((units,), "ones", name="gamma")
        self.beta = weight((units,), "zeros", name="beta")
        self.scenario_gamma = weight(shape, "ones", name="scenario_gamma")
        self.scenario_beta = weight(shape, "zeros", name="scenario_beta")
        statistic = partial(weight, trainable=False)
        self.moving_mean = statistic(shape, "zeros", name="moving_mean")
        self.moving_variance = statistic(shape, "ones", name="moving_variance")
        self.moving_steps = statistic((num_scenarios, 1), "zeros", name="moving_steps")
        for variable in self.weights:
            if len(variable.shape) == 2:
                variable.scenario_axis = 0  # see `StarDense`

    def call(
        self, x: Tensor, scenario_weights: Tensor, training: bool | None = None
    ) -> Tensor:
        y = at_least_float32(x)
        scenario_weights = ops.cast(scenario_weights, y.dtype)
        # m_s and v_s, (scenarios, units) each
        if training and self.trainable:
            mean, variance = self.update_statistics(y, scenario_weights)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        # `scenario_weights @` gives each row the values of its scenario.
        mean_of_row = scenario_weights @ mean  # (batch, units)
        variance_of_row = scenario_weights @ variance
        # Not rsqrt, as in `ParallelBatchNorm`.
        y = (y - mean_of_row) / ops.sqrt(variance_of_row + self.epsilon)
        y = y * (self.gamma * (scenario_weights @ self.scenario_gamma))
        y = y + self.beta + scenario_weights @ self.scenario_beta
        return ops.cast(y, x.dtype)

    def update_statistics(
        self, x: Tensor, scenario_weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Updates the moving averages, and returns m_s and v_s for training."""
        num_rows = ops.sum(scenario_weights, axis=0)[:, None]  # (scenarios, 1)
        batch_mean, batch_variance = batch_statistics(x, scenario_weights, num_rows)
        is_present = ops.cast(num_rows > 0, x.dtype)
        # The weight of the batch in the moving averages, (scenarios, 1)
        average_step = ops.maximum(1 - self.momentum, 1 / (1 + self.moving_steps))
        average_step = is_present * average_step
        self.moving_steps.assign(self.moving_steps + is_present)
        moving_mean = update_average(self.moving_mean, batch_mean, average_step)
        moving_variance = update_average(
            self.moving_variance, batch_variance, average_step
        )
        # The weight of the batch in the statistics for training, (scenarios, 1)
        batch_share = num_rows / (num_rows + PRIOR_ROWS)
        mean = batch_share * batch_mean + (1 - batch_share) * moving_mean
        variance = batch_share * batch_variance + (1 - batch_share) * moving_variance
        return mean, variance


def batch_statistics(
    x: Tensor, scenario_weights: Tensor, num_rows: Tensor
) -> tuple[Tensor, Tensor]:
    """Computes the mean and variance of each unit over the batch's rows of a scenario.

    With the share a_sr of row r in the n_s rows of scenario s:

        a_sr = (weight of s in row r) / n_s
        m_s  = sum_r a_sr x_r
        v_s  = sum_r a_sr (x_r - m_s)^2

    The distances x_r - m_s of all pairs of a row and a scenario would take much memory.
    So the code computes one distance d_r per row: the distance to the mean of the row's
    scenario, or to the mean of all m_s if the scenario is unknown (u_r = 1). In a row
    of an unknown scenario, the distance to m_s is then d_r + gap_s:

        gap_s = (mean of all m_s) - m_s
        v_s   = sum_r a_sr (d_r^2 + u_r (2 gap_s d_r + gap_s^2))

    Returns: the means and the variances, `(scenarios, units)` each; 0 for a scenario
        without rows.
    """
    # The maximum avoids a division by 0 for a scenario without rows.
    shares = ops.transpose(scenario_weights) / ops.maximum(num_rows, 1e-6)  # a
    mean = shares @ x
    distance = x - scenario_weights @ mean  # d, (batch, units)
    is_unknown = ops.max(scenario_weights, axis=1, keepdims=True) < 1
    unknown = ops.cast(is_unknown, x.dtype)  # u, (batch, 1)
    gap = ops.mean(mean, axis=0) - mean  # (scenarios, units)
    variance = shares @ ops.square(distance)
    variance += 2 * gap * (shares @ (unknown * distance))
    variance += ops.square(gap) * (shares @ unknown)
    return mean, variance
