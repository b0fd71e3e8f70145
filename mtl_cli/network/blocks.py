"""Splits the weights of a network into named blocks, such as one expert's kernel.

Experts, gates and towers of equal shape are stored in one weight, and so are embedding
tables. To copy an expert or a table to the network of another run, each weight is split
into blocks. A block is named by its feature, task or expert, so it has the same name in
both networks, even if its position differs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import keras

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.layers import FusedEmbedding, Routing, TargetAttention
from mtl_cli.layers.lookup import table_groups
from mtl_cli.layers.members import MemberInputs
from mtl_cli.layers.pooling import attending_feature
from mtl_cli.network.feature_columns import (
    FeatureColumns,
    FeatureSlice,
    has_factor_per_column,
)
from mtl_cli.network.network import Network
from mtl_cli.network.owner_names import (
    embedding_owners,
    network_owners,
    network_scenarios,
)
from mtl_cli.network.parallel_networks import (
    ALL_NETWORKS,
    NetworkPiece,
    input_kernels,
    num_networks,
    pieces_by_scenario,
    pieces_of,
)
from mtl_cli.network.parts import in_order_of_creation, parse_layer_name, part_of_layers
from mtl_cli.network.transfer import Block, BlockName

# A piece of a weight that may still be split into blocks, and the name so far.
NamedPiece = tuple[BlockName, NetworkPiece]


def blocks_of(
    network: Network, config: Config, layout: Layout, scenario_names: Sequence[str]
) -> dict[BlockName, Block]:
    """Splits all weights of a network into blocks that do not overlap.

    `scenario_names` holds the names of the scenarios, from id 1 on.
    """
    splitter = WeightSplitter(network, config, layout, scenario_names)
    positions = {id(weight): i for i, weight in enumerate(network.logits.weights)}
    return {
        name: Block(positions[id(piece.variable)], piece.index)
        for name, piece in splitter.blocks()
    }


class WeightSplitter:
    """Splits the weights of a network into blocks; see `blocks_of`."""

    def __init__(
        self,
        network: Network,
        config: Config,
        layout: Layout,
        scenario_names: Sequence[str],
    ) -> None:
        self.config, self.layout = config, layout
        self.scenario_names = scenario_names
        self.tasks = list(config.chosen_tasks)
        self.parts = part_of_layers(network)
        self.layers = {x.name: x for x in network.logits.layers if x.weights}
        self.owners_of_sets = embedding_owners(config)
        self.feature_columns = FeatureColumns(network, config, layout)

    def blocks(self) -> Iterator[NamedPiece]:
        groups = table_groups(self.layout, self.config.encoder.embedding_dim)
        tables = {group.layer: group.rows_by_table for group in groups}
        encoder_layers: dict[str, list[keras.Layer]] = defaultdict(list)
        for name, layer in self.layers.items():
            if name in tables:
                yield from blocks_of_tables(
                    layer, "table", tables[name], self.owners_of_sets
                )
            elif isinstance(layer, TargetAttention):
                yield from self._blocks_of_attention(layer)
            elif self.parts[name] in ("embeddings", "encoder"):
                encoder_layers[type(layer).__name__].append(layer)
            else:
                yield from self._blocks_of_task_layer(layer)
        for layers_of_class in encoder_layers.values():
            yield from self._blocks_of_encoder_layers(layers_of_class)

    def _blocks_of_attention(self, layer: TargetAttention) -> Iterator[NamedPiece]:
        """Yields the blocks of the attention over a sequence, one set after another."""
        kind = f"attention of {attending_feature(layer, self.layout)}"
        for piece in pieces_of(layer):
            owner = self.owners_of_sets[piece.network]
            yield BlockName("encoder", kind, owner, piece.name), piece

    def _blocks_of_task_layer(self, layer: keras.Layer) -> Iterator[NamedPiece]:
        """Yields the blocks of a layer after the encoder: experts, gates and towers."""
        part, kind = self.parts[layer.name], layer.name
        if isinstance(layer, MemberInputs):
            owners = [f"member {i + 1}" for i in range(layer.num_members)]
            number = int(kind.partition("_")[2] or 0)  # `members_1` is for the 2nd set
            signs = ["input signs", self.owners_of_sets[number]]
            kind = " of ".join(filter(None, signs))
            yield from self._blocks_of_networks(part, kind, layer, owners)
            return
        tasks_in_name: list[str] = []
        parsed = parse_layer_name(layer.name, self.tasks)
        if parsed is not None:
            tasks_in_name = parsed.tasks
            # `towers_0_2_logits` becomes `tower_logits`.
            words = [parsed.kind.removesuffix("s"), parsed.suffix]
            kind = "_".join(filter(None, words))
        owners = network_owners(layer, self.tasks, tasks_in_name)
        scenarios = network_scenarios(layer, len(owners), tasks_in_name)
        yield from self._blocks_of_networks(part, kind, layer, owners, scenarios)

    def _blocks_of_encoder_layers(
        self, layers: list[keras.Layer]
    ) -> Iterator[NamedPiece]:
        """Yields the blocks of the encoder's layers of one class.

        Keras names these layers by their class and a count. The encoder makes the same
        layers for each set of embeddings, one set after another.
        """
        layers_per_set = len(layers) // len(self.owners_of_sets)
        for i, layer in enumerate(in_order_of_creation(layers)):
            owner = self.owners_of_sets[i // layers_per_set]
            number = i % layers_per_set  # the position among the layers of this set
            if isinstance(layer, FusedEmbedding):
                # The first-order weights of DeepFM are vectors of length 1.
                rows = table_groups(self.layout, 1)[number].rows_by_table
                yield from blocks_of_tables(layer, "first-order table", rows, [owner])
            else:
                kind = f"{type(layer).__name__} {number + 1}"
                owners = [owner] * num_networks(layer)
                yield from self._blocks_of_networks("encoder", kind, layer, owners)

    def _blocks_of_networks(
        self,
        part: Part,
        kind: str,
        layer: keras.Layer,
        owners: list[str],
        scenarios: list[int | None] | None = None,
    ) -> Iterator[NamedPiece]:
        """Yields the blocks of a layer that computes networks side by side.

        Each piece of a network's weights is a block, with four exceptions:

        - A weight with one entry per scenario is split by scenario.
        - A gate's kernel is split into its columns, one per expert.
        - A kernel that reads features is split by feature.
        - Factors that scale the columns of features are split by feature.

        `owners` and `scenarios` hold the name of the owner and the index of the
        scenario of each network.
        """
        rows = self.feature_columns.slices_of_kernel_rows(layer)
        reads_order = part == "encoder" and not rows
        order = self.feature_columns.feature_order if reads_order else ""
        pieces = []
        for piece, scenario in pieces_by_scenario(layer):
            owner = ""
            if piece.network != ALL_NETWORKS:
                owner = owners[piece.network]
                if scenario is None and scenarios is not None:
                    scenario = scenarios[piece.network]
            scenario_name = "" if scenario is None else self.scenario_names[scenario]
            name = BlockName(part, kind, owner, piece.name, feature_order=order)
            pieces.append((name._replace(scenario=scenario_name), piece))
        yield from self._split_by_feature(
            layer, self._split_by_expert(layer, pieces), rows
        )

    def _split_by_expert(
        self, layer: keras.Layer, pieces: Iterable[NamedPiece]
    ) -> Iterator[NamedPiece]:
        """Splits the last axis of a gate's pieces into one column per expert."""
        is_gate_of_experts = isinstance(layer, Routing) and not layer.reports_owners
        for name, piece in pieces:
            if not is_gate_of_experts or piece.name not in layer.variables_by_expert:
                yield name, piece
                continue
            *other_axes, columns = piece.index
            route = layer.routes[piece.network // layer.networks_per_route]
            for i, expert in enumerate(route.experts, start=columns.start or 0):
                column = replace(piece, index=(*other_axes, slice(i, i + 1)))
                yield name._replace(expert=expert.name(self.tasks)), column

    def _split_by_feature(
        self, layer: keras.Layer, pieces: Iterable[NamedPiece], rows: list[FeatureSlice]
    ) -> Iterator[NamedPiece]:
        """Splits kernels that read features, and factors of the columns of features.

        `rows` are the rows of each feature in the kernels.
        """
        scaled_columns = self.feature_columns.slices_of_scaled_columns(layer)
        kernels = {id(kernel) for kernel in input_kernels(layer)}
        for name, piece in pieces:
            if features := getattr(piece.variable, "features", None):
                slices = [
                    FeatureSlice(feature, 1, slice(i, i + 1))
                    for i, feature in enumerate(features)
                ]
                yield from self._split_axis(name, piece, -1, slices)
            elif id(piece.variable) in kernels:
                yield from self._split_axis(name, piece, -2, rows)
            elif scaled_columns and has_factor_per_column(layer, piece, scaled_columns):
                yield from self._split_axis(name, piece, -1, scaled_columns)
            else:
                yield name, piece

    def _split_axis(
        self,
        name: BlockName,
        piece: NetworkPiece,
        axis: int,
        slices: list[FeatureSlice],
    ) -> Iterator[NamedPiece]:
        """Splits an axis of a piece by feature; without slices, yields the piece."""
        if not slices:
            yield name, piece
        start = piece.index[axis].start or 0
        for feature, number, columns in slices:
            index = list(piece.index)
            index[axis] = slice(start + columns.start, start + columns.stop)
            part_of_piece = replace(piece, index=tuple(index))
            block_name = name._replace(feature_slice=number)
            if feature == self.feature_columns.feature_order:
                yield block_name._replace(feature_order=feature), part_of_piece
            else:
                yield block_name._replace(feature=feature), part_of_piece


def blocks_of_tables(
    layer: FusedEmbedding,
    kind: str,
    rows_by_table: dict[str, slice],
    owners_of_sets: list[str],
) -> Iterator[NamedPiece]:
    """Yields a block for each embedding table and each set of embeddings.

    In the layer's weight, the tables lie one below the other, and the sets of
    embeddings lie side by side.
    """
    dim = layer.embedding_dim
    for table, rows in rows_by_table.items():
        for i, owner in enumerate(owners_of_sets):
            index = (rows, slice(i * dim, (i + 1) * dim))
            name = BlockName("embeddings", kind, table, owner)
            yield name, NetworkPiece(0, owner, layer.table, index)
