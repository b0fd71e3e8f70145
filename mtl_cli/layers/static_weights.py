"""Trained weights over experts that are the same for all rows."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing


@register
class StaticWeights(Routing):
    """Gives all rows the same weights over experts: `start + scale * variable`.

    A step of Adam changes a weight by about `scale` times the learning rate. In a step
    of SGD, a weight changes `scale`^2 times as much as without `scale`.

    Args:
        routes: the readers and the experts that each reader weighs, see `Routing`.
        start: the constant part of the weights, one list per route; None for 0.
        scale: the factor of the variable.
        initializer: name or configuration of the variable's Keras initializer.
        label: the kind of the weights in reports; "" for the usual kind.

    Input shape: `(..., batch, dim)`. The layer reads only the number of rows.
    Output shape: `(routes, batch, experts)`.

    Example:
        >>> from mtl_cli.layers import Expert
        >>> routes = [Route(t, [Expert(0), Expert(1)]) for t in range(2)]
        >>> weights = StaticWeights(routes, start=[[0.9, 0.1], [0.1, 0.9]])
        >>> weights(keras.random.normal((5, 7))).shape
        TensorShape([2, 5, 2])
    """

    weights_are_shares: ClassVar[bool] = False
    reads_rows = False
    variables_by_expert: tuple[str, ...] = ("weights",)

    def __init__(
        self,
        routes: Sequence[Route],
        start: Sequence[Sequence[float]] | None = None,
        scale: float = 1.0,
        initializer: str | dict[str, Any] = "zeros",
        label: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(routes, **kwargs)
        self.shape = (len(self.routes), len(self.routes[0].experts))
        self.start, self.scale = start, scale
        self.label, self.initializer = label, initializer

    def build(self, input_shape: Shape) -> None:
        self.variable = self.add_weight(
            name="weights",
            shape=self.shape,
            initializer=keras.initializers.get(self.initializer),
        )

    def call(self, x: Tensor) -> Tensor:
        weights = self.scale * self.variable  # (routes, experts)
        if self.start is not None:
            weights += ops.convert_to_tensor(self.start, weights.dtype)
        num_routes, num_experts = self.shape
        shape = (num_routes, ops.shape(x)[-2], num_experts)
        return ops.broadcast_to(weights[:, None], shape)

    def parts(self) -> dict[str, Any]:
        return {"weights": self.variable}
