"""Partitioned normalisation: each scenario has its own mean, variance and scale."""

from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register

# In training, the moving averages of a scenario count as much as this number of rows
# of the batch. Otherwise, the one or two rows of a rare scenario would be normalised by
# statistics of these rows alone.
PRIOR_ROWS = 10.0


@register
class PartitionedNorm(keras.layers.Layer):
    """Normalises each unit by its mean and variance over the rows of a scenario.

    A row x of scenario s becomes

        (gamma * gamma_s) * (x - m_s) / sqrt(v_s + epsilon) + beta + beta_s

    * is the element-wise product. The trained vectors gamma and beta are shared by all
    scenarios; gamma_s and beta_s belong to scenario s. m_s and v_s are the mean and the
    variance of each unit over rows of s. Outside of training, they are moving averages.
    In training, they are weighted means: the statistics of the batch's n rows of s have
    the weight n / (n + c), and the moving averages have the weight c / (n + c), where c
    is `PRIOR_ROWS`. The paper calls s a domain p, and writes z for x, mu and sigma^2
    for the statistics of a batch, and E_p and Var_p for the moving averages.

    Call the layer as `PartitionedNorm()(x, scenario)`.

    Args:
        momentum: weight of the old value when a step updates a moving average. In the
            first 1 / (1 - momentum) steps with rows of a scenario, the weight is less:
            the moving average is then the plain mean over these steps.
        epsilon: constant added to variances.

    Input shape: x `(batch, units)`; the weight of each scenario in each row, `(batch,
        scenarios)`: 1 for the scenario of the row, or equal weights if it is unknown.
    Output shape: `(batch, units)`.

    Example:
        >>> x, scenario = keras.random.normal((5, 7)), ops.one_hot([0, 1, 1, 0, 2], 3)
        >>> PartitionedNorm()(x, scenario).shape
        TensorShape([5, 7])

    Reference: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender
        for Multi-Domain CTR Prediction", CIKM 2021, section 3.3.
        Differs from the paper in: a batch holds rows of all scenarios, where the
        paper's holds rows of one; the moving averages take part in training.
    """

    reads_columns: ClassVar[bool] = True  # as in `StarDense`

    def __init__(
        self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, x_shape: Shape, scenario_shape: Shape) -> None:
        units, scenarios = x_shape[-1], scenario_shape[-1]
        for name, shape, initializer, is_trained in (
            ("gamma", (units,), "ones", True),
            ("beta", (units,), "zeros", True),
            ("scenario_gamma", (scenarios, units), "ones", True),
            ("scenario_beta", (scenarios, units), "zeros", True),
            ("moving_mean", (scenarios, units), "zeros", False),
            ("moving_variance", (scenarios, units), "ones", False),
            ("moving_steps", (scenarios, 1), "zeros", False),
        ):
            weight = self.add_weight(
                name=name, shape=shape, initializer=initializer, trainable=is_trained
            )
            setattr(self, name, weight)

    def call(self, x: Tensor, scenario: Tensor, training: bool | None = None) -> Tensor:
        # (scenarios, units) each
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training and self.trainable:
            mean, variance = self.update_statistics(x, scenario)
        # `scenario @` gives each row the values of its scenario. ONNX has no operation
        # rsqrt. The code divides by sqrt instead, so that an export rounds as the
        # network does.
        y = (x - scenario @ mean) / ops.sqrt(scenario @ variance + self.epsilon)
        y = y * (self.gamma * (scenario @ self.scenario_gamma))
        return y + self.beta + scenario @ self.scenario_beta

    def update_statistics(self, x: Tensor, scenario: Tensor) -> tuple[Tensor, Tensor]:
        """Updates the moving averages with a batch, then mixes them with the batch.

        Returns: the mean m_s and the variance v_s for training, `(scenarios, units)`
            each.
        """
        num_rows = ops.sum(scenario, axis=0)[:, None]  # (scenarios, 1)
        averaging = ops.transpose(scenario) / ops.maximum(num_rows, 1e-6)
        mean = averaging @ x  # (scenarios, units)
        variance = averaging @ ops.square(x - scenario @ mean)
        is_present = ops.cast(num_rows > 0, x.dtype)
        # In the first step with rows of a scenario, the weight of the batch is 1. The
        # batch must replace the initial values, because these are not statistics of
        # any rows.
        update_weight = ops.maximum(1 - self.momentum, 1 / (1 + self.moving_steps))
        update_weight = is_present * update_weight
        self.moving_steps.assign(self.moving_steps.value + is_present)
        batch_weight = num_rows / (num_rows + PRIOR_ROWS)
        mixed = []
        for moving, of_batch in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            updated = moving.value + update_weight * (of_batch - moving.value)
            moving.assign(updated)
            mixed.append(batch_weight * of_batch + (1 - batch_weight) * updated)
        return mixed[0], mixed[1]

    def compute_output_shape(self, x_shape: Shape, scenario_shape: Shape) -> Shape:
        return x_shape
