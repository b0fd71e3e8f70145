"""DSelect-k: gates that learn which few experts to select."""

from typing import TYPE_CHECKING, Any

from mtl_cli.core.options import Count, NotNegative, Positive, Units
from mtl_cli.gates.base import Gate

if TYPE_CHECKING:
    from mtl_cli.layers import Routing


class DSelectK(Gate):
    """Gates with k selectors, each of which learns to choose one expert.

    See `layers.DSelectKGates` for the equations and the terms.

    Attributes:
        num_selected_experts: number of experts that a gate selects, k.
        gate_gamma: width of the smooth step from 0 to 1. A selector chooses an expert
            by the bits of its index, and a smooth step makes each bit; only for `gate:
            dselect_k`.
        gate_entropy: strength of the penalty on the entropy of the selectors, a mean
            over the rows of a batch; only for `gate: dselect_k`.
        gate_static: whether a gate gives all rows the same weights; only for
            `gate: dselect_k`.

    Reference: Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of
        Experts with Applications to Multi-Task Learning", NeurIPS 2021.
    """

    num_selected_experts: Count = 2
    gate_gamma: Positive = 1.0
    # The authors' code sums 1e-6 times the entropy over a batch of 512 rows. As a mean:
    gate_entropy: NotNegative = 5e-4
    gate_static: bool = False

    def check(self, gate_units: Units) -> None:
        if self.gate_static and gate_units:
            raise ValueError(
                "gate_units: static gates read no rows and have no hidden layers; set "
                "gate_units to [], or gate_static to false"
            )

    def layer(self, num: int, num_experts: int, **kwargs: Any) -> "Routing":
        from mtl_cli.layers import DSelectKGates, Gates

        if num_experts == 1:  # there is nothing to select
            return Gates(num, num_experts, **kwargs)
        return DSelectKGates(
            num,
            num_experts,
            num_selected=self.num_selected_experts,
            gamma=self.gate_gamma,
            entropy=self.gate_entropy,
            is_static=self.gate_static,
            # Training leaves out the rows that only fill up a batch.
            adds_row_penalties=True,
            **kwargs,
        )
