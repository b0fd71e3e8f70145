"""The weights that the gates of a trained network give to their experts, for each row.

A layer can hold several gates: one for each task, or for each other part of the network
that uses the experts. Every layer that weighs something counts as a layer of gates, see
`layers.routing.Routing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.data.table import Array, Table
from mtl_cli.scoring.sample import sample_blocks

if TYPE_CHECKING:
    from mtl_cli.layers import Routing
    from mtl_cli.network.network import Network


@dataclass(frozen=True)
class GateWeights:
    """The weights that gates give to their experts on some rows.

    Attributes:
        weights: {name of a layer: weights of the experts, `(gates, rows, experts)`},
            means over the members of the network. Layers whose gates have a single
            expert are left out, because these gates have nothing to choose.
        is_in_space: {task: whether each row is in the task's space, (rows,)}.
    """

    layers: "list[Routing]"
    weights: dict[str, Array]
    is_in_space: dict[str, Array]

    @property
    def num_rows(self) -> int:
        return len(next(iter(self.is_in_space.values())))

    def take(self, mask: Array) -> "GateWeights":
        """Returns the weights on the rows where `mask`, (rows,), is True."""
        return replace(
            self,
            weights={name: x[:, mask] for name, x in self.weights.items()},
            is_in_space={task: x[mask] for task, x in self.is_in_space.items()},
        )


def measure_gate_weights(
    network: "Network", tasks: Sequence[str], table: Table
) -> GateWeights | None:
    """Passes a sample of rows, see `sample_blocks`, through the gates of a network.

    A row is in the space of a task if the row's weight for the task is above 0. `tasks`
    are in the order of the configuration: a layer names a task by its index.

    Returns: the weights; None if the network has no gate with several experts.
    """
    import keras

    from mtl_cli.layers import Routing

    layers = [x for x in network.logits.layers if isinstance(x, Routing)]
    outputs = {x.name: x.output for x in layers if x.output.shape[-1] > 1}
    if not outputs:
        return None
    gate_model = keras.Model(network.logits.input, outputs)
    weight_blocks: dict[str, list[Array]] = {name: [] for name in outputs}
    mask_blocks: dict[str, list[Array]] = {task: [] for task in tasks}
    for block in sample_blocks(table):
        for name, weights in gate_model(block.features, training=False).items():
            weight_blocks[name].append(mean_over_members(weights, block.num_rows))
        for task in tasks:
            mask_blocks[task].append(block.weights[task] > 0)
    return GateWeights(
        layers=layers,
        weights={name: np.concatenate(x, axis=1) for name, x in weight_blocks.items()},
        is_in_space={task: np.concatenate(x) for task, x in mask_blocks.items()},
    )


def mean_over_members(weights: Array, num_rows: int) -> Array:
    """Returns the weights that the members give on average, `(gates, rows, experts)`.

    The weights are (gates, members * rows, experts): all rows of the first member come
    first, then all rows of the next member.
    """
    num_gates, num_experts = weights.shape[0], weights.shape[-1]
    by_member = np.reshape(weights, (num_gates, -1, num_rows, num_experts))
    mean: Array = by_member.astype("float64").mean(axis=1)
    return mean
