"""Copies weights between the networks of two runs, block by block."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import keras

from mtl_cli.network.block_names import BlockName
from mtl_cli.network.parallel_networks import Index


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
    """

    step: int
    path: Path | None = None
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True)
class Match:
    """The blocks of a new and an earlier network, by what happens to them.

    Attributes:
        copies: the blocks to copy: both networks have them in the same shape.
        fresh: the blocks that only the new network has.
        changed: the blocks of the new network that have another shape in the earlier
            network, and the blocks of features that the earlier kernel does not read.
        reordered: the blocks of the new network that depend on the order of the
            features, where the earlier network has other features or another order.
        dropped: the blocks that only the earlier network has.
    """

    copies: list[Copy]
    fresh: list[BlockName]
    changed: list[BlockName]
    reordered: list[BlockName]
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
    the earlier vectors are copied to the first rows.

    Args:
        earlier: the blocks of the earlier network.
        new: the blocks of the new network.
        earlier_shapes: the shapes of all weights of the earlier network.
        new_shapes: the shapes of all weights of the new network.
    """
    matched = Match([], [], [], [], [])
    # The blocks of one kernel may differ only in the feature whose rows they hold.
    earlier_kernels = {name.of_all_features for name in earlier}
    for name, target in new.items():
        source = earlier.get(name)
        if source is None:
            if name.of_all_features not in earlier_kernels:
                matched.fresh.append(name)
            elif name.feature_order:
                matched.reordered.append(name)
            else:
                matched.changed.append(name)
            continue
        earlier_shape = block_shape(earlier_shapes, source)
        shape = block_shape(new_shapes, target)
        if name.part == "embeddings" and earlier_shape[0] <= shape[0]:
            target = first_rows(target, earlier_shape[0])
            shape = (earlier_shape[0], *shape[1:])
        if shape == earlier_shape:
            matched.copies.append(Copy(source, target))
        else:
            matched.changed.append(name)
    # If the new network has the kernel, but not the block of a feature, then the kernel
    # reads fewer features. Nothing is dropped.
    new_kernels = {name.of_all_features for name in new}
    for name in earlier:
        if name.of_all_features not in new_kernels:
            matched.dropped.append(name)
    return matched


def first_rows(block: Block, num_rows: int) -> Block:
    """Returns the first rows of a block of an embedding table."""
    rows, *other_axes = block.index
    return replace(block, index=(slice(rows.start, rows.start + num_rows), *other_axes))


def block_shape(shapes: list[tuple[int, ...]], block: Block) -> tuple[int, ...]:
    """Returns the shape of a block, given the shapes of all weights."""
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
