"""Copies weights between the networks of two runs, block by block."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from mtl_cli.network.blocks import Block, Name
from mtl_cli.network.build import Network
from mtl_cli.network.parallel_networks import Index


class Copy(NamedTuple):
    """A copy of a block: its place in the earlier network, and its place in the new."""

    source: Block
    target: Block


@dataclass(frozen=True)
class EarlierOptimizer:
    """The state of an earlier run's optimizer.

    Attributes:
        step: number of steps that the optimizer has taken.
        path: the file of its slots; None if the slots come from a checkpoint.
        copies: the blocks whose slots are copied.
    """

    step: int
    path: Path | None = None
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True)
class Match:
    """The blocks of two networks.

    Attributes:
        copies: the blocks that both networks have.
        fresh: the blocks that only the new network has.
        changed: the blocks that have another shape in the earlier network, or whose
            rows read other features there.
        dropped: the blocks that only the earlier network has.
    """

    copies: list[Copy]
    fresh: list[Name]
    changed: list[Name]
    dropped: list[Name]


def match(
    earlier: dict[Name, Block],
    new: dict[Name, Block],
    shapes: tuple[list[Any], list[Any]],
) -> Match:
    """Finds the blocks that two networks have in common.

    An embedding table may have more rows than in the earlier network: ids have been
    appended. All other blocks must have equal shapes.

    Args:
        earlier: the blocks of the earlier network.
        new: the blocks of the new network.
        shapes: the shapes of all weights of the earlier and of the new network.
    """
    copies: list[Copy] = []
    fresh: list[Name] = []
    changed: list[Name] = []
    owned = {name._replace(rows="") for name in earlier}
    for name, target in new.items():
        source = earlier.get(name)
        if source is None:
            is_known = name.rows and name._replace(rows="") in owned
            (changed if is_known else fresh).append(name)
            continue
        old_shape = block_shape(shapes[0], source)
        shape = block_shape(shapes[1], target)
        if name.part == "embeddings" and old_shape[0] <= shape[0]:
            start = target.index[0].start
            rows = slice(start, start + old_shape[0])
            target = replace(target, index=(rows, *target.index[1:]))
            shape = (old_shape[0], *shape[1:])
        if shape == old_shape:
            copies.append(Copy(source, target))
        else:
            changed.append(name)
    new_pieces = {name._replace(rows="") for name in new}
    dropped = [name for name in earlier if name._replace(rows="") not in new_pieces]
    return Match(copies, fresh, changed, dropped)


def block_shape(shapes: list[Any], block: Block) -> tuple[int, ...]:
    """Returns the shape of a block, given the shapes of all weights."""
    lengths = zip(block.index, shapes[block.weight], strict=True)
    return tuple(len(range(*axis.indices(length))) for axis, length in lengths)


def copy_weights(earlier: Network, new: Network, copies: Iterable[Copy]) -> None:
    """Writes blocks of a network's weights into another network, in place."""
    sources = earlier.logits.weights
    for weight, pairs in by_weight(copies).items():
        variable = new.logits.weights[weight]
        values = variable.numpy()
        for source, index in pairs:
            values[index] = sources[source.weight].numpy()[source.index]
        variable.assign(values)


def by_weight(copies: Iterable[Copy]) -> dict[int, list[tuple[Block, Index]]]:
    """Groups copies by the weight that they write to."""
    groups: dict[int, list[tuple[Block, Index]]] = defaultdict(list)
    for source, target in copies:
        groups[target.weight].append((source, target.index))
    return groups


def described(blocks: Iterable[Name], text: str) -> list[str]:
    """Returns a line for each layer among some blocks: its part, its owners, a text."""
    owners: dict[tuple[str, str], dict[str, None]] = {}
    for name in blocks:
        owner = name.owner
        if name.part == "embeddings":
            owner += f" of {name.piece}" if name.piece else ""
        elif " " in name.piece:
            owner += f" for {name.piece.partition(' ')[2]}"
        owners.setdefault((name.part, name.layer), {})[owner] = None
    return [
        f"{part}: {layer}{listed(names)}: {text}"
        for (part, layer), names in owners.items()
    ]


def listed(owners: Iterable[str]) -> str:
    """Returns " of a, b"; "" for a layer that belongs to nobody."""
    names = ", ".join(filter(None, owners))
    return f" of {names}" if names else ""
