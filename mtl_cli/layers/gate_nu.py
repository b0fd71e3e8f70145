"""Gate NU: factors between 0 and 2 for each unit of what other layers read."""

from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import ParallelDense, ParallelMLP, Shape, register
from mtl_cli.layers.routing import Expert, Route, Routing


@register
class GateNU(Routing):
    """Computes `num` gates side by side, each with a factor for each of `units` units.

    Gate g computes `gamma sigmoid(W_g mlp(x) + b_g)`, where mlp has the hidden widths
    `hidden_units`. A factor of 1 leaves a unit as it is.

    Args:
        num: number of gates.
        units: number of units that each gate scales.
        hidden_units: hidden widths of the gates.
        num_hidden: number of networks mlp: 1 if all gates have one in common, or `num`
            if each gate has its own.
        gamma: the upper bound of a factor.
        activation: name of the hidden layers' Keras activation.
        dropout: share of hidden units dropped in training, in [0, 1).
        batch_norm: whether hidden units are normalised over the batch.
        l2: strength of the L2 penalty on all kernels, 0 for none.
        initializer: name of a Keras initializer, drawn anew for every gate.
        routes: the units that each gate scales, for reports: one `Expert` per unit,
            owned by a feature; None if the units have no names.
        weighs_experts: whether the units are experts. Reports tell experts apart.

    Input shape: `(batch, dim)`, or `(num, batch, dim)` if each gate reads an input of
        its own.
    Output shape: `(num, batch, units)`, between 0 and gamma.

    Example:
        >>> import keras
        >>> x = keras.random.normal((5, 7))
        >>> GateNU(num=2, units=3, hidden_units=(4,))(x).shape
        TensorShape([2, 5, 3])

    Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
        Infusing with Personalized Prior Information", KDD 2023, equations 3 and 4.
    """

    weighed: ClassVar[str] = "units"
    are_shares: ClassVar[bool] = False
    pieces_by_expert: tuple[str, ...] = ("factors.kernel", "factors.bias")

    def __init__(
        self,
        num: int,
        units: int,
        hidden_units: Sequence[int],
        num_hidden: int = 1,
        gamma: float = 2.0,
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        l2: float = 0.0,
        initializer: str = "glorot_uniform",
        routes: Sequence[Route] | None = None,
        weighs_experts: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(routes or [Route(None, units_of("", units))] * num, **kwargs)
        self.gamma = gamma
        self.reports_owners = not weighs_experts
        self.hidden = ParallelMLP(
            num_hidden, hidden_units, activation, dropout, batch_norm, l2, initializer
        )
        self.factors = ParallelDense(num, units, l2=l2, initializer=initializer)

    def build(self, input_shape: Shape) -> None:
        self.hidden.build(input_shape)
        self.factors.build(self.hidden.compute_output_shape(input_shape))

    def call(self, x: Tensor) -> Tensor:
        return self.gamma * ops.sigmoid(self.factors(self.hidden(x)))

    def parts(self) -> dict[str, Any]:
        return {"": self.hidden, "factors.": self.factors}


def units_of(owner: str, count: int) -> list[Expert]:
    """Returns the units of a hidden layer, as routes name them."""
    return [Expert(owner or "hidden", i + 1) for i in range(count)]


def columns_of(features: Sequence[str]) -> list[Expert]:
    """Returns the columns of features, as routes name them.

    Args:
        features: the feature of each column.
    """
    counts: dict[str, int] = {}
    columns = []
    for feature in features:
        counts[feature] = counts.get(feature, 0) + 1
        columns.append(Expert(feature, counts[feature]))
    return columns
