"""The base class of layers that compute weights over experts, such as gates."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import keras

from mtl_cli.layers.parallel import ParallelMLP

SHARED = "shared"  # the owner of an expert that belongs to no task
HIDDEN = "hidden"  # the owner of a unit that belongs to no feature


class Expert(NamedTuple):
    """The name of an expert that a gate weighs.

    Attributes:
        owner: the index of the task that the expert belongs to, from 0; or the name of
            another owner, such as `shared`.
        number: the number of the expert among the experts of its owner, from 1; 0 if
            the owner has no other expert.
        trained: whether the loss of the gate's reader trains the expert; False if a
            stop-gradient lies between them.
    """

    owner: int | str
    number: int = 0
    trained: bool = True


class Route(NamedTuple):
    """The owner of one gate and the experts that the gate weighs.

    Reports show these names. Transfers of weights between runs find the same gate by
    its route.

    Attributes:
        owner: the index of the gate's task, from 0; the name of another owner; or None
            if the gate serves all tasks.
        experts: the experts, in the order of the gate's weights.
    """

    owner: int | str | None
    experts: Sequence[Expert]


def experts_of(owner: int | str, count: int) -> list[Expert]:
    """Returns all experts of one owner."""
    return [Expert(owner, i + 1) for i in range(count)]


def routes_to_shared(num: int, num_experts: int) -> list[Route]:
    """Returns the routes of gates that serve all tasks and weigh shared experts."""
    return [Route(None, experts_of(SHARED, num_experts))] * num


class Routing(keras.layers.Layer):
    """A layer that computes a weight for each expert and each reader of the experts.

    Gates are an example: each gate is for one reader, such as a task. `Mix` sums the
    experts with the weights. The reports of gates, the drawing of a network and
    `start_from` find the layers of this class and read the attributes below.

    Args:
        routes: the owner of each reader, and the experts that the reader weighs.

    Output shape: `(readers, batch, experts)`.
    """

    # The plural noun that reports use for the things that the layer weighs.
    weighed: ClassVar[str] = "experts"
    # Whether the weights of a reader sum to 1.
    are_shares: ClassVar[bool] = True
    # Whether training adds a penalty for each row and gate. `call` then takes
    # `row_weights`, the weight of each gate's penalty in each row, `(gates, batch)`.
    has_row_penalties: ClassVar[bool] = False
    # Whether the weights depend on the columns of a row.
    reads_rows: bool = True
    # The name of the weights in reports, after the level; "" for none.
    label: str = ""
    # Whether reports show one mean weight per owner, instead of one weight per expert.
    reports_owners: bool = False
    # Number of networks of each reader in `parts`. The networks are in the order of the
    # readers.
    networks_per_route: int = 1
    # The variables in `parts` whose last axis has one entry per expert. A variable is
    # named by its key in `parts`; in a dense layer, `kernel` or `bias` follows.
    pieces_by_expert: tuple[str, ...] = ()

    def __init__(self, routes: Sequence[Route], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Keras restores a saved layer with lists in place of `Route` and `Expert`.
        self.routes = tuple(
            Route(owner, tuple(Expert(*expert) for expert in experts))
            for owner, experts in routes
        )

    def parts(self) -> dict[str, Any]:
        """Returns the layers and variables that hold the layer's weights.

        The keys are the prefixes of the weights' names. A part is a `ParallelMLP` or a
        `ParallelDense` with `networks_per_route` networks for each reader, or a
        variable whose first axis has one entry per reader. A part with one network, or
        a variable of length 1, serves all readers.
        """
        return {}

    def input_parts(self) -> list[Any]:
        """Returns the parts whose first kernel reads the layer's input.

        These are the networks with hidden layers; if there are none, all parts.
        """
        parts = list(self.parts().values())
        networks = [layer for layer in parts if isinstance(layer, ParallelMLP)]
        return [network for network in networks if network.units] or parts
