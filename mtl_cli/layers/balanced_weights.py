"""M3oE's weights: one for a task's own expert, and one for all other experts."""

from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing


@register
class BalancedWeights(Routing):
    """Weighs the n experts of a reader, such as a task, by two trained numbers.

    In each row, one of the experts is the reader's own: the expert of the reader's
    task, or of the row's scenario. The weights are

        alpha beta                   of the own expert
        alpha (1 - beta) / (n - 1)   of each other expert

        alpha = sigmoid(strength)
        beta  = sigmoid(balance)

    All readers share the two trained numbers `strength` and `balance`. Both start at 1,
    as in the authors' code.

    Call the layer as `BalancedWeights(routes)(x)` if expert i is the own expert of
    reader i, and as `BalancedWeights(routes)(x, ownership)` if the own expert of a
    single reader depends on the row.

    Args:
        routes: the readers, and the n experts that each reader weighs, see `Routing`.
        label: the name of the weights in reports, such as `experts of tasks`.

    Input shape: x `(batch, dim)`, read only for the number of rows; and ownership
        `(batch, n)`: 1 for the own expert in the row, and 0 for all others. If the own
        expert is unknown, all n entries are 1 / n.
    Output shape: `(readers, batch, n)`.

    Reference: Zhang et al., "M3oE", SIGIR 2024, see `models/m3oe.py`.
    """

    weights_are_shares: ClassVar[bool] = False
    reads_rows = False

    def __init__(self, routes: Sequence[Route], label: str = "", **kwargs: Any) -> None:
        super().__init__(routes, **kwargs)
        self.label = label

    def build(self, x_shape: Shape, ownership_shape: Shape | None = None) -> None:
        self.strength = self.add_weight(name="strength", shape=(1,), initializer="ones")
        self.balance = self.add_weight(name="balance", shape=(1,), initializer="ones")

    def call(self, x: Tensor, ownership: Tensor | None = None) -> Tensor:
        n = len(self.routes[0].experts)
        alpha, beta = ops.sigmoid(self.strength), ops.sigmoid(self.balance)
        if ownership is None:
            # 1 for expert i of reader i in every row, (readers, batch, n)
            num_readers = len(self.routes)
            eye = ops.eye(num_readers, n, dtype=self.compute_dtype)[:, None]
            is_own = ops.broadcast_to(eye, (num_readers, ops.shape(x)[0], n))
        else:
            is_own = ownership[None]  # (1, batch, n)
        beta_other = (1 - beta) / max(n - 1, 1)  # `max` avoids a division by 0
        return alpha * (beta * is_own + beta_other * (1 - is_own))

    def parts(self) -> dict[str, Any]:
        return {"strength": self.strength, "balance": self.balance}
