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

    alpha and beta are the paper's letters. All readers share the two trained numbers
    `strength` and `balance`. Both start at 1, as in the authors' code. If n is 1, the
    only weight is alpha beta.

    Call the layer as `BalancedWeights(routes)(x)` if expert i is the own expert of
    reader i. If the own expert depends on the row, there must be one reader: call the
    layer as `BalancedWeights(routes)(x, ownership)`.

    Args:
        routes: the readers, and the n experts that each reader weighs, see `Routing`.
        label: the name of the weights in reports, such as `experts of tasks`.

    Input shape: x `(batch, dim)`, read only for the number of rows; and ownership
        `(batch, n)`: 1 for the own expert in the row, and 0 for all others. If the own
        expert is unknown, all n entries are 1 / n.
    Output shape: `(readers, batch, n)`.

    Raises:
        ValueError: if there is an ownership, but several readers.

    Example:
        >>> import keras
        >>> from mtl_cli.layers import Expert
        >>> routes = [Route(t, [Expert(0), Expert(1)]) for t in range(2)]
        >>> BalancedWeights(routes)(keras.random.normal((5, 7))).shape
        TensorShape([2, 5, 2])

    Reference: Zhang et al., "M3oE: Multi-Domain Multi-Task Mixture-of-Experts
        Recommendation Framework", SIGIR 2024.
    """

    # `Routing` describes these attributes.
    weights_are_shares: ClassVar[bool] = False
    reads_rows = False  # the weights do not depend on the columns of x

    def __init__(self, routes: Sequence[Route], label: str = "", **kwargs: Any) -> None:
        super().__init__(routes, **kwargs)
        self.label = label

    def build(self, x_shape: Shape, ownership_shape: Shape | None = None) -> None:
        num_readers = len(self.routes)
        if ownership_shape is not None and num_readers > 1:
            raise ValueError(
                f"ownership is for one reader, but routes name {num_readers} readers; "
                "give one route, or leave ownership out."
            )
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
