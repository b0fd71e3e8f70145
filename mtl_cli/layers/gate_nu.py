"""Gate NU, the gate of PEPNet: a factor for each unit that the gate scales."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from mtl_cli.core.owners import HIDDEN
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.parallel import (
    ParallelDense,
    ParallelMLP,
    kernel_options,
    pop_dense_options,
)
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Expert, Route, Routing, experts_of


@register
class GateNU(Routing):
    """Computes `num` gates side by side, each with a factor for each of `units` units.

    Gate g computes the factors

        x'  = mlp(x)                            in the paper one layer, relu(x W + b)
        d_g = gamma sigmoid(x' W'_g + b'_g)

    where mlp has layers of the widths `hidden_units`. The paper writes delta for d.
    Multiply the units by the factors to apply the gate.

    Args:
        num: number of gates.
        units: number of units that each gate scales.
        hidden_units: widths of the layers of mlp.
        num_hidden: number of networks mlp: 1 if all gates share one network, or `num`
            if each gate has its own.
        gamma: the upper bound of a factor.
        routes: the units that each gate scales, for reports: one `Expert` per unit,
            whose owner is, for example, a feature. None if the units have no names.
        weighs_experts: whether reports give the weight of each unit, such as the output
            of an expert. Otherwise they give one mean weight per owner.
        only_scales: False if the factors are the weights of a sum of experts, see
            `Routing`.
        **kwargs: further arguments of `ParallelMLP`, for mlp, and of a Keras layer.
            W'_g has the same `l2` and `initializer`.

    Input shape: `(batch, dim)`, or `(num, batch, dim)` if each gate reads an input of
        its own.
    Output shape: `(num, batch, units)`, between 0 and gamma.

    Reference: Chang et al., "PEPNet", KDD 2023, equations 2 and 3.
    """

    weights_are_shares: ClassVar[bool] = False
    variables_by_expert: tuple[str, ...] = ("factors.kernel", "factors.bias")

    def __init__(
        self,
        num: int,
        units: int,
        hidden_units: Sequence[int],
        num_hidden: int = 1,
        gamma: float = 2.0,
        routes: Sequence[Route] | None = None,
        weighs_experts: bool = False,
        only_scales: bool = True,
        **kwargs: Any,
    ) -> None:
        dense_options = pop_dense_options(kwargs)
        unnamed = Route(None, experts_of(HIDDEN, units))
        super().__init__(routes or [unnamed] * num, **kwargs)
        self.gamma = gamma
        self.reports_owners = not weighs_experts
        self.only_scales = only_scales
        dense_options["dtype"] = self.dtype_policy
        self.hidden = ParallelMLP(num_hidden, hidden_units, **dense_options)
        self.factors = ParallelDense(num, units, **kernel_options(dense_options))

    def build(self, input_shape: Shape) -> None:
        self.hidden.build(input_shape)
        self.factors.build(self.hidden.compute_output_shape(input_shape))

    def call(self, x: Tensor) -> Tensor:
        hidden = self.hidden(x)  # x', (num_hidden, batch, hidden_units[-1])
        return self.gamma * ops.sigmoid(self.factors(hidden))

    def parts(self) -> dict[str, Any]:
        return {"": self.hidden, "factors.": self.factors}


def feature_units(feature_of_column: Sequence[str]) -> list[Expert]:
    """Returns the names of the columns of x: the owner of a column is its feature."""
    counts: Counter[str] = Counter()
    units = []
    for feature in feature_of_column:
        counts[feature] += 1
        units.append(Expert(feature, counts[feature]))
    return units
