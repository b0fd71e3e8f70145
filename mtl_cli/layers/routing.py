"""The base class of layers that say how much each expert counts for each reader."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import keras

from mtl_cli.layers.parallel import ParallelMLP

SHARED = "shared"  # the owner of an expert that belongs to no task


class Expert(NamedTuple):
    """An expert, as a gate knows it.

    Attributes:
        owner: the number of the task that the expert belongs to, from 0; or the name of
            another owner, such as `shared`.
        number: the number of the expert among the experts of its owner, from 1; 0 if
            the owner has no other expert.
        trained: whether the gate passes gradients to the expert; False if a
            stop-gradient lies between them.
    """

    owner: int | str
    number: int = 0
    trained: bool = True


class Route(NamedTuple):
    """The experts that one gate weighs, for reports and transfers of weights.

    Attributes:
        owner: the number of the gate's task, from 0; the name of another owner; or None
            if the gate serves all tasks.
        experts: the experts, in the order of the gate's weights.
    """

    owner: int | str | None
    experts: Sequence[Expert]


def experts_of(owner: int | str, count: int, trained: bool = True) -> list[Expert]:
    """Returns all experts of one owner."""
    return [Expert(owner, i + 1, trained) for i in range(count)]


def routes_to_shared(num: int, num_experts: int) -> list[Route]:
    """Returns the routes of gates that serve all tasks and weigh shared experts."""
    return [Route(None, experts_of(SHARED, num_experts))] * num


class Routing(keras.layers.Layer):
    """A layer whose output says how much each expert counts for each of its readers.

    Gates are an example. `Mix` sums the experts with these weights. `gates.json`, the
    drawing of a network and `start_from` find such layers by this class, and ask them
    for the names of what they weigh.

    Args:
        routes: what the weights of each reader are for.

    Output shape: `(readers, batch, experts)`.
    """

    # The noun for what is weighed, in the plural, for reports.
    weighed: ClassVar[str] = "experts"
    # Whether the weights of a reader are shares: they then sum to 1.
    are_shares: ClassVar[bool] = True
    # Whether reports give the mean weight of an owner's experts, not each weight.
    reports_owners: bool = False
    # Number of networks of each reader in `parts`: all networks of the first reader
    # come first.
    networks_per_route: int = 1
    # The pieces of the layer's weights that hold one column per expert, see `parts`.
    pieces_by_expert: tuple[str, ...] = ()

    def __init__(self, routes: Sequence[Route], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # A saved layer comes back with lists in place of these classes.
        self.routes = tuple(
            Route(owner, tuple(Expert(*expert) for expert in experts))
            for owner, experts in routes
        )
        # The name of the weights in reports; "" if the level says enough.
        self.label = ""
        self.reads_rows = True  # False if no part reads the columns of a row

    def parts(self) -> dict[str, Any]:
        """Returns what holds the layer's weights, by the start of the pieces' names.

        A part is a `ParallelMLP` or a `ParallelDense` with `networks_per_route`
        networks for each reader, or a variable whose first axis runs over the readers.
        A part with one network, or a variable of length 1, serves all readers.
        """
        return {}

    def input_parts(self) -> list[Any]:
        """Returns the parts whose first kernel reads the layer's input."""
        parts = list(self.parts().values())
        networks = [layer for layer in parts if isinstance(layer, ParallelMLP)]
        return [network for network in networks if network.units] or parts
