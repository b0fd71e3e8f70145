"""Hard concrete variables: training decides which connections are open or cut."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing

# The constants of the equations in `HardConcrete`.
BETA = 2 / 3  # the temperature
GAMMA, ZETA = -0.1, 1.1  # the ends of the interval that s is stretched to
LIMIT = math.log(100)  # log alpha stays in [-LIMIT, LIMIT]
# u is drawn from [MIN_U, 1 - MIN_U], so that log u and log(1 - u) are finite.
MIN_U = 1e-6


@register
class HardConcrete(Routing):
    """Computes a weight z in [0, 1] for each connection from an expert to a reader.

    A connection is cut if z = 0, and open otherwise. It has one trained value, log
    alpha. In training, z is drawn in each step:

        u     ~ U(0, 1)
        s     = sigmoid((log u - log(1 - u) + log alpha) / beta)
        s_bar = s (zeta - gamma) + gamma
        z     = min(1, max(0, s_bar))

    After training, z has neither noise nor beta. The paper writes z_hat for this z:

        z     = min(1, max(0, sigmoid(log alpha) (zeta - gamma) + gamma))

    In training, the layer also adds a penalty, `l0` times the expected number of open
    connections:

        l0 * sum over connections of sigmoid(log alpha - beta log(-gamma / zeta))

    The paper writes lambda for `l0`. The constants `BETA`, `GAMMA` and `ZETA` have the
    values of the authors' code. log alpha starts near 0: at the start, a connection is
    open with the probability 0.83. After training, z is 0 only if log alpha is below
    -2.4. The trained variable is log alpha / `scale`, so a step of Adam changes log
    alpha by about `scale` times the learning rate. With `scale` 1, most trainings have
    too few steps to cut a connection.

    Args:
        routes: the readers, and the experts that are connected to each, see `Routing`.
        l0: strength of the penalty.
        scale: the factor of the trained variable in log alpha.
        per_row: whether u is drawn for each row. Otherwise all rows of a step have the
            same u. If several processes train together, each draws its own u.

    Input shape: `(..., batch, dim)`. The layer reads only the number of rows.
    Output shape: `(routes, batch, experts)`.

    Example:
        >>> from mtl_cli.layers import experts_of
        >>> routes = [Route(t, experts_of("network", 3)) for t in range(2)]
        >>> HardConcrete(routes)(keras.random.normal((5, 7))).shape
        TensorShape([2, 5, 3])

    Reference: Louizos et al., "Learning Sparse Neural Networks through L0
        Regularization", ICLR 2018, equations 10 to 13.
    """

    weights_are_shares: ClassVar[bool] = False
    reads_rows = False
    variables_by_expert: tuple[str, ...] = ("scaled_log_alpha",)

    def __init__(
        self,
        routes: Sequence[Route],
        l0: float = 1e-4,
        scale: float = 1.0,
        per_row: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(routes, **kwargs)
        self.l0, self.scale, self.per_row = l0, scale, per_row
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: Shape) -> None:
        # If log alpha were outside of [-LIMIT, LIMIT], almost every z would be clipped
        # to 0 or 1, so that log alpha would have no gradient.
        limit = LIMIT / self.scale
        self.scaled_log_alpha = self.add_weight(
            name="scaled_log_alpha",
            shape=(len(self.routes), len(self.routes[0].experts)),
            initializer=keras.initializers.RandomNormal(stddev=0.01 / self.scale),
            constraint=lambda variable: ops.clip(variable, -limit, limit),
        )

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        variable = ops.cast(self.scaled_log_alpha, "float32")
        log_alpha = self.scale * variable[:, None]  # (routes, 1, experts)
        num_rows = ops.shape(x)[-2]
        if training:
            p_open = ops.sigmoid(log_alpha - BETA * math.log(-GAMMA / ZETA))
            self.add_loss(self.l0 * ops.sum(p_open))
            num_readers, _, num_experts = log_alpha.shape
            shape = (num_readers, num_rows if self.per_row else 1, num_experts)
            seed = self.seed_generator
            u = keras.random.uniform(shape, MIN_U, 1 - MIN_U, "float32", seed)
            logit = (ops.log(u) - ops.log(1 - u) + log_alpha) / BETA
        else:
            logit = log_alpha
        s_bar = ops.sigmoid(logit) * (ZETA - GAMMA) + GAMMA
        z = ops.clip(s_bar, 0.0, 1.0)
        z = ops.broadcast_to(z, (z.shape[0], num_rows, z.shape[2]))
        return ops.cast(z, self.compute_dtype)

    def parts(self) -> dict[str, Any]:
        return {"scaled_log_alpha": self.scaled_log_alpha}
