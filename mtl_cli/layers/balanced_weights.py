"""Two learnt weights: one for a reader's own expert, one for all its other experts."""

from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.register import Shape, register
from mtl_cli.layers.routing import Route, Routing


@register
class BalancedWeights(Routing):
    """Weighs the n experts of a reader by two trained numbers.

    The reader owns one of the experts: the expert of the reader's task, or of the row's
    scenario. The owned expert has the weight `own`. Each other expert has the weight
    `other`:

        alpha = sigmoid(strength)
        beta  = sigmoid(balance)
        own   = alpha beta
        other = alpha (1 - beta) / (n - 1)

    alpha and beta are the paper's letters. All readers share the two trained numbers
    `strength` and `balance`. Both start at 1, as in the authors' code. If n is 1, there
    is only the weight `own`.

    Call the layer as `BalancedWeights(routes)(x)`: reader i then owns expert i. If
    there is one reader, and it owns the expert of the row's scenario, call the layer as
    `BalancedWeights(routes)(x, ownership)`.

    Args:
        routes: the readers, and the n experts that each reader weighs.
        label: the name of the weights in reports, such as `experts of tasks`.

    Input shape: x `(batch, dim)`, read only for the number of rows; and ownership
        `(batch, n)`: 1 for the expert that the reader owns in the row, and 0 for all
        others. If the owned expert is unknown, all n entries are 1 / n.
    Output shape: `(readers, batch, n)`.

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
        self.strength = self.add_weight(name="strength", shape=(1,), initializer="ones")
        self.balance = self.add_weight(name="balance", shape=(1,), initializer="ones")

    def call(self, x: Tensor, ownership: Tensor | None = None) -> Tensor:
        n = len(self.routes[0].experts)
        alpha, beta = ops.sigmoid(self.strength), ops.sigmoid(self.balance)
        if ownership is None:
            is_own = self.fixed_ownership(ops.shape(x)[0])  # (readers, batch, n)
        else:
            is_own = ownership[None]  # (1, batch, n)
        beta_other = (1 - beta) / max(n - 1, 1)  # `max` avoids a division by 0
        return alpha * (beta * is_own + beta_other * (1 - is_own))

    def fixed_ownership(self, num_rows: Tensor) -> Tensor:
        """Returns 1 for expert i of reader i in every row, and 0 for other experts.

        Returns: `(readers, num_rows, n)`.
        """
        num_readers, n = len(self.routes), len(self.routes[0].experts)
        eye = ops.eye(num_readers, n, dtype=self.compute_dtype)
        return ops.broadcast_to(eye[:, None], (num_readers, num_rows, n))

    def parts(self) -> dict[str, Any]:
        return {"strength": self.strength, "balance": self.balance}
