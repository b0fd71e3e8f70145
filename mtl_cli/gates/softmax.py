"""Softmax gates: they give every expert a weight above 0."""

from typing import TYPE_CHECKING, Any

from mtl_cli.gates.base import Gate

if TYPE_CHECKING:
    from mtl_cli.layers import Routing


class Softmax(Gate):
    """The gates of MMoE and PLE: `g(x) = softmax(W x)`, where x is the gate's input.

    With `gate_units`, hidden layers come before W. See `layers.Gates`.
    """

    def layer(self, num: int, num_experts: int, **kwargs: Any) -> "Routing":
        from mtl_cli.layers import Gates

        return Gates(num, num_experts, **kwargs)
