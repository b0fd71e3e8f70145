"""Trained weights over experts that are the same for all rows."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing


@register
class StaticWeights(Routing):
    """Gives all rows the same weights over experts: `start + scale * variable`.

    Training changes the variable. With `scale` above 1, the weights change faster than
    the other layers of the network. The length of Adam's step does not depend on the
    size of the gradient, so a step of Adam changes a weight by about `scale` times the
    learning rate. In a step of SGD, `scale` counts twice, because it also multiplies
    the gradient of the variable: a weight changes `scale`^2 times as much as without
    `scale`.

    Args:
        routes: the readers and the experts that each reader weighs. All readers weigh
            the same number of experts.
        start: the constant part of the weights, one list per route; None for 0.
        scale: the factor of the variable.
        initializer: name or configuration of the variable's Keras initializer.
        label: the kind of the weights in reports; "" for the usual kind.

    Input shape: `(..., batch, dim)`. The layer reads only the number of rows.
    Output shape: `(routes, batch, experts)`.

    Raises:
        ValueError: if `start` is not one list per route, with one number per expert.

    Example:
        >>> from mtl_cli.layers import Expert
        >>> routes = [Route(t, [Expert(0), Expert(1)]) for t in range(2)]
        >>> weights = StaticWeights(routes, start=[[0.9, 0.1], [0.1, 0.9]])
        >>> weights(keras.random.normal((5, 7))).shape
        TensorShape([2, 5, 2])
    """

    # `Routing` describes these attributes.
    expert_noun: ClassVar[str] = "vector"
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
        if start is not None and np.shape(start) != self.shape:
            raise ValueError(
                f"start has the shape {np.shape(start)}, not {self.shape}; give a list "
                "of weights for each route, one for each expert."
            )
        self.start = start
        self.scale = scale
        self.label = label
        self.initializer = initializer

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
