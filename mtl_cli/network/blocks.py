"""Blocks of weights, named by what they belong to: a feature, a task, an expert.

Experts, gates and towers of equal shape lie in one weight, and so do embedding tables.
To find the same expert or table in the network of another run, each weight is cut into
blocks. A block's name is the same in both networks, wherever the block lies.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.layers import FusedEmbedding, ParallelDense, ParallelMLP, Route, Routing
from mtl_cli.layers.lookup import table_groups
from mtl_cli.layers.routing import SHARED
from mtl_cli.network.build import Network
from mtl_cli.network.feature_rows import FeatureRows
from mtl_cli.network.parallel_networks import (
    Index,
    input_kernels,
    num_networks,
    pieces_of,
)
from mtl_cli.network.parts import own_networks, part_of_layers

# Layers that compute one network per task, or several, tasks in order. The networks
# of all other layers of the sharing scheme but gates belong to no task.
OF_TASKS = re.compile(r"(bottoms|specific_experts)$")


class Name(NamedTuple):
    """The name of a block.

    Attributes:
        part: the part of the network.
        layer: the kind of layer, such as `level_1_gates`, `tower` or `table`.
        owner: the feature, the task or the number of the expert.
        piece: the name of a piece of the owner's weights, such as `0.kernel`.
        rows: the feature whose columns the rows of a kernel read; "" for other pieces.
    """

    part: Part
    layer: str
    owner: str
    piece: str
    rows: str = ""


@dataclass(frozen=True)
class Block:
    """The place of a block: a weight's position in `model.weights`, and an index."""

    weight: int
    index: Index


def blocks_of(network: Network, config: Config, layout: Layout) -> dict[Name, Block]:
    """Returns all weights of a network as blocks.

    Args:
        network: the network of the configuration.
        config: the configuration.
        layout: the layout of the features.
    """
    cut = Cut(network, config, layout)
    positions = {id(w): i for i, w in enumerate(network.logits.weights)}
    blocks = {}
    for name, variable, index in cut.blocks():
        blocks[name] = Block(positions[id(variable)], index)
    return blocks


class Cut:
    """Cuts the weights of a network into blocks.

    Args:
        network: the network of the configuration.
        config: the configuration.
        layout: the layout of the features.
    """

    def __init__(self, network: Network, config: Config, layout: Layout) -> None:
        self.config, self.layout = config, layout
        self.tasks = list(config.chosen_tasks)
        self.parts = part_of_layers(network)
        self.layers = {x.name: x for x in network.logits.layers if x.weights}
        self.sets = self._owners_of_encodings()
        self.rows = FeatureRows(network, config, layout)

    def _owners_of_encodings(self) -> list[str]:
        """Returns the owner of each set of embeddings: the tasks, then all tasks.

        A single set of all tasks has the owner "".
        """
        model = self.config.model
        if model.num_encodings(2) == 1:  # whatever the number of tasks
            return [""]
        return [*self.tasks, SHARED][: model.num_encodings(len(self.tasks))]

    def blocks(self) -> Iterator[tuple[Name, Any, Index]]:
        """Yields the name of each block, and its weight and index there."""
        groups = table_groups(self.layout, self.config.encoder.embedding_dim)
        tables = {group.layer: group.sizes for group in groups}
        unnamed: dict[str, list[Any]] = {}
        for name, layer in self.layers.items():
            part = self.parts[name]
            is_routing = isinstance(layer, Routing) and layer.reads_rows
            scales = is_routing and not layer.are_shares
            # The order of features matters to gates that read vectors of features.
            is_ordered = scales or getattr(layer, "reads_columns", False)
            on = f" on {self.rows.order}" if is_ordered else ""
            if name in tables:
                yield from self._tables(layer, "table", tables[name], self.sets)
            elif part in ("embeddings", "encoder"):
                unnamed.setdefault(type(layer).__name__, []).append(layer)
            elif own_layer := own_networks(name, self.tasks):
                kind = own_layer.kind.removesuffix("s")
                kind = "_".join(filter(None, [kind, own_layer.layer]))
                per_task = max(num_networks(layer) // len(own_layer.tasks), 1)
                owners = numbered(own_layer.tasks, per_task)
                yield from self._networks(part, kind + on, layer, owners)
            else:
                yield from self._networks(part, name + on, layer, self._owners(layer))
        for layers in unnamed.values():
            yield from self._unnamed(layers)

    def _owners(self, layer: Any) -> list[str]:
        """Returns the owner of each network that a layer of the scheme computes."""
        num = num_networks(layer)
        if isinstance(layer, Routing):
            owners = [self._owner(r.owner, i + 1) for i, r in enumerate(layer.routes)]
            return numbered(owners, layer.networks_per_route)
        if isinstance(layer, ParallelDense) and layer.owners is not None:
            owned = [self._owner(owner, 0) for owner in layer.owners]
            return [f"{x} {owned[: i + 1].count(x)}" for i, x in enumerate(owned)]
        if not OF_TASKS.search(layer.name):
            return [str(i + 1) for i in range(num)]
        per_task = num // len(self.tasks)
        if not layer.name.endswith("experts"):
            return [self.tasks[i // per_task] for i in range(num)]
        return [f"{self.tasks[i // per_task]} {i % per_task + 1}" for i in range(num)]

    def _owner(self, owner: int | str | None, number: int) -> str:
        """Returns the name of an owner; the number of a network that has none."""
        if owner is None:
            return str(number)
        return owner if isinstance(owner, str) else self.tasks[owner]

    def _networks(
        self, part: Part, kind: str, layer: Any, owners: list[str]
    ) -> Iterator[tuple[Name, Any, Index]]:
        """Yields the blocks of a layer that computes several networks."""
        rows, kernels = self.rows.of_layer(part, layer), input_kernels(layer)
        owners = [*owners, ""]  # of pieces that all networks share
        for piece in pieces_of(layer):
            columns = {"": piece.index[-1]}
            if isinstance(layer, Routing) and piece.name in layer.pieces_by_expert:
                first = piece.index[-1].start or 0
                route = layer.routes[piece.network // layer.networks_per_route]
                experts = self._experts(route)
                columns = {
                    f" {expert}": slice(first + i, first + i + 1)
                    for i, expert in enumerate(experts)
                }
            for expert, column in columns.items():
                name = Name(part, kind, owners[piece.network], f"{piece.name}{expert}")
                index = (*piece.index[:-1], column)
                if rows and any(piece.variable is kernel for kernel in kernels):
                    for feature, row in rows:
                        of_feature = name._replace(rows=feature)
                        yield of_feature, piece.variable, (index[0], row, column)
                else:
                    yield name, piece.variable, index

    def _experts(self, route: Route) -> list[str]:
        """Returns the name of each expert that a gate weighs."""
        names = []
        for expert in route.experts:
            if expert.owner == SHARED:
                names.append(f"expert {expert.number}")
                continue
            is_own = expert.owner == route.owner
            owner = "" if is_own else f"{self._owner(expert.owner, 0)} "
            names.append(f"specific expert {owner}{expert.number}")
        return names

    def _unnamed(self, layers: list[Any]) -> Iterator[tuple[Name, Any, Index]]:
        """Yields the blocks of the encoder's layers of one class.

        Keras numbers unnamed layers as they are made: the layers of the first encoding
        come first.
        """
        layers = sorted(layers, key=lambda layer: (len(layer.name), layer.name))
        per_set = len(layers) // len(self.sets)
        for i, layer in enumerate(layers):
            owner, number = self.sets[i // per_set], i % per_set
            if isinstance(layer, FusedEmbedding):
                group = table_groups(self.layout, 1)[number]
                yield from self._tables(
                    layer, "first-order table", group.sizes, [owner]
                )
                continue
            kind = f"{type(layer).__name__} {number + 1}"
            if not isinstance(layer, ParallelMLP):  # the order of features matters
                kind += f" on {self.rows.order}"
            owners = [owner] * num_networks(layer)
            yield from self._networks("encoder", kind, layer, owners)

    def _tables(
        self, layer: FusedEmbedding, kind: str, sizes: dict[str, int], sets: list[str]
    ) -> Iterator[tuple[Name, Any, Index]]:
        """Yields a block for each embedding table, and for each set of its vectors."""
        first_row = 0
        for table, size in sizes.items():
            rows = slice(first_row, first_row + size)
            first_row += size
            for i, owner in enumerate(sets):
                first = i * layer.embedding_dim
                columns = slice(first, first + layer.embedding_dim)
                yield (
                    Name("embeddings", kind, table, owner),
                    layer.table,
                    (rows, columns),
                )


def numbered(owners: list[str], per_owner: int) -> list[str]:
    """Returns the name of each network, if each owner has some of them in a row."""
    if per_owner == 1:
        return owners
    return [f"{owner} {i + 1}" for owner in owners for i in range(per_owner)]
