"""The base class of layers that compute weights over experts, such as gates.

- An *expert* is anything that gets a weight: the output of an expert network, another
  vector, or a single unit of a vector.
- A *reader* uses several experts by their weights. For example, the tower of a task
  reads a weighted sum of experts. A *gate* computes the weights of one reader.
- A *route* names a reader and the experts that the reader weighs.
- The *owner* of an expert or a reader is the task, feature or scenario that it is for.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import keras

from mtl_cli.core.owners import SHARED, owner_name
from mtl_cli.layers.parallel import ParallelMLP


class Expert(NamedTuple):
    """The name of an expert.

    Attributes:
        owner: the index of the task that the expert belongs to, from 0; or the name of
            another owner, such as `shared`.
        number: the number of the expert among the experts of its owner, from 1; or 0,
            if reports name the expert by its owner alone.
        trained: whether the loss of the reader trains the expert; False if a
            stop-gradient lies between the reader and the expert.
        always_added: whether the reader also adds the expert's output without a weight.
    """

    owner: int | str
    number: int = 0
    trained: bool = True
    always_added: bool = False

    def name(self, tasks: Sequence[str]) -> str:
        """Returns the name in reports: `shared 2`, or `buy 1` for a task of `tasks`."""
        owner = owner_name(self.owner, tasks)
        return owner if self.number == 0 else f"{owner} {self.number}"


class Route(NamedTuple):
    """The name of a reader, and the names of the experts that the reader weighs.

    Reports show these names. `start_from` matches the gates of two runs by these names.

    Attributes:
        owner: the index of the reader's task, from 0; the name of another owner; or
            None if the reader serves all tasks.
        experts: the experts, in the order of their weights.
    """

    owner: int | str | None
    experts: Sequence[Expert]


def experts_of(owner: int | str, count: int) -> list[Expert]:
    """Returns the names of all `count` experts of one owner, numbered from 1."""
    return [Expert(owner, number) for number in range(1, count + 1)]


def specific_and_shared_experts(
    num_tasks: int, num_specific: int, num_shared: int
) -> tuple[list[list[Expert]], list[Expert]]:
    """Returns the names of each task's specific experts, and of the shared experts."""
    specific = [experts_of(task, num_specific) for task in range(num_tasks)]
    return specific, experts_of(SHARED, num_shared)


def routes_to_shared(num_readers: int, num_experts: int) -> list[Route]:
    """Returns the routes of readers that serve all tasks and weigh shared experts."""
    return [Route(None, experts_of(SHARED, num_experts))] * num_readers


class Routing(keras.layers.Layer):
    """A layer that computes a weight for each reader and each of the reader's experts.

    Softmax gates are an example, see `Gates`. The reports of gates, the drawing of a
    network and `start_from` read the attributes below.

    Args:
        routes: the route of each reader, in the order of the weights. All readers have
            the same number of experts.

    Output shape: `(readers, batch, experts)`.

    Example: the gates of an MMoE, for two tasks and three shared experts.
        >>> from mtl_cli.layers import Gates
        >>> experts = experts_of(SHARED, 3)
        >>> routes = [Route(0, experts), Route(1, experts)]
        >>> gates = Gates(num=2, num_experts=3, routes=routes)
        >>> gates(keras.random.normal((5, 7))).shape
        TensorShape([2, 5, 3])
        >>> list(gates.parts())  # the hidden layers of the gates, and their last layers
        ['', 'logits.']
        >>> gates.variables_by_expert  # column i of a gate's kernel is for expert i
        ('logits.kernel',)
    """

    # Whether the weights of a reader are shares with the sum 1. (In DSelect-k, the sum
    # may be less.) Otherwise they are factors of any sum.
    weights_are_shares: ClassVar[bool] = True
    # Whether training adds a penalty for each row and gate. `call` then takes
    # `row_weights`, the weight of each gate's penalty in each row, `(gates, batch)`.
    has_row_penalties: ClassVar[bool] = False

    # Whether the weights depend on the columns of a row.
    reads_rows: bool = True
    # The kind of the weights in reports, such as `native`; "" for the usual kind.
    label: str = ""
    # Whether the weights only scale something: units, or the weights of other gates.
    # Otherwise each reader sums its experts with the weights: a weight above 0 uses the
    # expert.
    only_scales: bool = False
    # Whether the experts are single units. Reports then show one mean weight per owner,
    # and `start_from` copies the weights of all units of a feature together.
    reports_owners: bool = False
    # The number of gates of each reader. In `parts`, the gates of the first reader come
    # first.
    networks_per_route: int = 1
    # The number of scenarios for which each reader has gates. The gates of a reader for
    # the first scenario come first.
    num_scenarios: int = 1
    # The variables in `parts` whose last axis has one entry per expert. The name of a
    # variable is its key in `parts`, followed by `kernel` or `bias` in a dense layer.
    variables_by_expert: tuple[str, ...] = ()

    def __init__(self, routes: Sequence[Route], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Keras restores a saved layer with lists in place of `Route` and `Expert`.
        self.routes = tuple(
            Route(owner, tuple(Expert(*expert) for expert in experts))
            for owner, experts in routes
        )

    def parts(self) -> dict[str, Any]:
        """Returns the trained parts: {start of the names of a part's variables: part}.

        A part is a `ParallelMLP` or a `ParallelDense` with `networks_per_route`
        networks for each reader, or a variable whose first axis has one entry per
        reader. A part with one network, or a variable of length 1, serves all readers.
        """
        return {}

    def input_parts(self) -> list[Any]:
        """Returns the parts that read the input of the layer: hidden layers, if any."""
        parts = list(self.parts().values())
        hidden = [x for x in parts if isinstance(x, ParallelMLP) and x.units]
        return hidden or parts
