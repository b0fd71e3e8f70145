"""Copies weights between the networks of two runs, block by block.

A block is a part of a weight that has an owner, such as an expert. `blocks.py` cuts the
weights into blocks.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import keras

from mtl_cli.config.start_from import Part
from mtl_cli.core.message_text import comma_list
from mtl_cli.network.parallel_networks import Index


class BlockName(NamedTuple):
    """The name of a block.

    Attributes:
        part: the part of the network, see `part_of_layers`.
        layer: the kind of layer, such as `level_1_gates`, `tower` or `table`.
        owner: what the block belongs to: a task (`click`), an expert (`2`), an expert
            of a task (`click 2`), a member (`member 2`), or the feature of an embedding
            table (`user`); "" if all networks of the layer share the block.
        piece: see `NetworkPiece.name`. In an embedding table, the task that owns the
            vectors; "" if all tasks share the vectors.
        expert: such as `buy 2`, for a block that is the column of one expert in a gate.
        feature: the feature that the rows of a kernel read, or whose columns the block
            scales.
        feature_slice: the number of the slice of the feature, see `FeatureSlice`.
        feature_order: the list of all features, if the block depends on their order.
        scenario: the name of the scenario that the weights are for; "" if they are for
            all scenarios.
    """

    part: Part
    layer: str
    owner: str
    piece: str
    expert: str = ""
    feature: str = ""
    feature_slice: int = 1
    feature_order: str = ""
    scenario: str = ""

    @property
    def of_all_features(self) -> "BlockName":
        """The name without the feature, equal for all blocks of one piece."""
        return self._replace(feature="", feature_slice=1, feature_order="")

    @property
    def owner_text(self) -> str:
        """The owner for messages, as in `click in scenario app`."""
        text = self.owner
        if self.part == "embeddings" and self.piece:
            text += f" of {self.piece}"
        if self.scenario:
            text += f" in scenario {self.scenario}"
        return text.strip()


@dataclass(frozen=True)
class Block:
    """A block of a network's weights, such as the kernel of one expert.

    Attributes:
        weight: the position, in `Network.logits.weights`, of the weight that holds the
            block.
        index: the slices of the weight that make up the block, one per axis.
    """

    weight: int
    index: Index


class Copy(NamedTuple):
    """A block to copy: the block in an earlier network, and in a new network."""

    source: Block
    target: Block


@dataclass(frozen=True)
class EarlierOptimizer:
    """The state of an earlier run's optimizer.

    A slot is an array that the optimizer keeps for a weight, such as Adam's moments.

    Attributes:
        step: number of steps that the optimizer has taken.
        path: the file that holds the slots; None if the slots come from a checkpoint.
        copies: the blocks whose slots are copied.
        shapes: the shape of each weight of the earlier network.
    """

    step: int
    path: Path | None = None
    copies: tuple[Copy, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Match:
    """The blocks of a new and an earlier network, by what happens to them.

    Attributes:
        copies: the blocks to copy: both networks have them in the same shape.
        fresh: the blocks that only the new network has.
        changed: the blocks that have another shape in the earlier network, or read
            other features there or in another order.
        dropped: the blocks that only the earlier network has.
    """

    copies: list[Copy]
    fresh: list[BlockName]
    changed: list[BlockName]
    dropped: list[BlockName]


def match(
    earlier: dict[BlockName, Block],
    new: dict[BlockName, Block],
    earlier_shapes: list[tuple[int, ...]],
    new_shapes: list[tuple[int, ...]],
) -> Match:
    """Finds the blocks that two networks have in common.

    A block can be copied if it has the same shape in both networks. An embedding table
    may also have more rows in the new network: new ids come after the earlier ids, so
    the earlier vectors are copied to the first rows. The shapes are those of all
    weights of a network.
    """
    matched = Match([], [], [], [])
    # The blocks of one kernel may differ only in the feature whose rows they hold.
    earlier_kernels = {name.of_all_features for name in earlier}
    for name, target in new.items():
        source = earlier.get(name)
        if source is None:
            is_new = name.of_all_features not in earlier_kernels
            (matched.fresh if is_new else matched.changed).append(name)
            continue
        earlier_shape = block_shape(earlier_shapes, source)
        shape = block_shape(new_shapes, target)
        if name.part == "embeddings" and earlier_shape[0] <= shape[0]:
            rows, columns = target.index
            rows = slice(rows.start, rows.start + earlier_shape[0])
            target = replace(target, index=(rows, columns))
            shape = (earlier_shape[0], *shape[1:])
        if shape == earlier_shape:
            matched.copies.append(Copy(source, target))
        else:
            matched.changed.append(name)
    # If the new network has the kernel, but not the block of a feature, then the kernel
    # reads fewer features. Nothing is dropped.
    new_kernels = {name.of_all_features for name in new}
    matched.dropped.extend(
        name for name in earlier if name.of_all_features not in new_kernels
    )
    return matched


def block_shape(shapes: list[tuple[int, ...]], block: Block) -> tuple[int, ...]:
    lengths = zip(block.index, shapes[block.weight], strict=True)
    return tuple(len(range(*axis.indices(length))) for axis, length in lengths)


def copy_weights(
    earlier: keras.Model, new: keras.Model, copies: Iterable[Copy]
) -> None:
    """Copies blocks of an earlier network into a new network, in place.

    `earlier` and `new` are the models `Network.logits`.
    """
    earlier_weights = earlier.weights
    for position, sources in group_by_weight(copies).items():
        weight = new.weights[position]
        values = weight.numpy()
        earlier_positions = {source.weight for source, _ in sources}
        earlier_values = {i: earlier_weights[i].numpy() for i in earlier_positions}
        for source, index in sources:
            values[index] = earlier_values[source.weight][source.index]
        weight.assign(values)


def group_by_weight(copies: Iterable[Copy]) -> dict[int, list[tuple[Block, Index]]]:
    """Groups copies by the weight that they change.

    Returns: {position of a weight in the new network: [(block of the earlier network,
        slices of the weight to which the block is copied)]}.
    """
    groups: dict[int, list[tuple[Block, Index]]] = defaultdict(list)
    for source, target in copies:
        groups[target.weight].append((source, target.index))
    return groups


def describe_blocks(blocks: Iterable[BlockName], text: str) -> list[str]:
    """Returns a line for each layer of some blocks; `text` says what happens to them.

    For example, `gates: gates of click for 2 experts, buy for expert buy 1: TEXT`.
    """
    experts_by_layer: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(dict)
    for name in blocks:
        experts_by_owner = experts_by_layer[name.part, name.layer]
        experts_by_owner.setdefault(name.owner_text, set()).add(name.expert)
    lines = []
    for (part, layer), experts_by_owner in experts_by_layer.items():
        owners = []
        for owner, experts in experts_by_owner.items():
            names = [f"expert {name}" for name in experts if name]
            experts_text = names[0] if len(names) == 1 else f"{len(names)} experts"
            owners.append(f"{owner} for {experts_text}" if names else owner)
        owner_list = comma_list(filter(None, owners))
        of_owners = f" of {owner_list}" if owner_list else ""
        lines.append(f"{part}: {layer}{of_owners}: {text}")
    return lines
