"""Noisy top-k gates: each row weighs only the k experts with the largest logits."""

from typing import TYPE_CHECKING, Any

from mtl_cli.core.options import Count, Units
from mtl_cli.gates.base import Gate

if TYPE_CHECKING:
    from mtl_cli.layers import Routing


class TopK(Gate):
    """Gates that select k experts for each row.

    See `layers.TopKGates` for the equations.

    Attributes:
        num_selected_experts: number of experts that a gate selects, k.
        gate_noise: whether training adds noise to the logits; only for `gate: top_k`.

    Reference: Shazeer et al., "Outrageously Large Neural Networks: The
        Sparsely-Gated Mixture-of-Experts Layer", ICLR 2017, equations 3 to 5.
    """

    num_selected_experts: Count = 2
    gate_noise: bool = True

    def check(self, gate_units: Units) -> None:
        if self.num_selected_experts < 2:
            raise ValueError(
                "num_selected_experts: a top_k gate that selects 1 expert gives this "
                "expert the weight 1 and never learns; set num_selected_experts to 2 "
                "or more, or set gate to dselect_k"
            )

    def layer(self, num: int, num_experts: int, **kwargs: Any) -> "Routing":
        from mtl_cli.layers import Gates, TopKGates

        if num_experts == 1:  # there is nothing to select
            return Gates(num, num_experts, **kwargs)
        return TopKGates(
            num,
            num_experts,
            num_selected=self.num_selected_experts,
            has_noise=self.gate_noise,
            **kwargs,
        )
