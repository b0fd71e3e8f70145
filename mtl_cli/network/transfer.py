"""Copies weights between the networks of two runs, block by block."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mtl_cli.network.blocks import BlockName
from mtl_cli.network.network import Block, Copy, Network
from mtl_cli.network.parallel_networks import Index


@dataclass(frozen=True)
class Match:
    """The blocks that a new network has in common with an earlier network, and others.

    Attributes:
        copies: the blocks that both networks have in the same shape.
        fresh: the blocks that only the new network has.
        changed: the blocks of the new network that have another shape in the earlier
            network, or that belong to a feature which the kernel does not read there.
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
    the earlier vectors are copied to the first rows. `earlier_shapes` and `new_shapes`
    are the shapes of all weights of the two networks.
    """
    matched = Match([], [], [], [])
    earlier_kernels = {name._replace(feature="") for name in earlier}
    for name, target in new.items():
        source = earlier.get(name)
        if source is None:
            has_kernel = name.feature and name._replace(feature="") in earlier_kernels
            (matched.changed if has_kernel else matched.fresh).append(name)
            continue
        earlier_shape = block_shape(earlier_shapes, source)
        shape = block_shape(new_shapes, target)
        if name.part == "embeddings" and earlier_shape[0] <= shape[0]:
            start = target.index[0].start
            rows = slice(start, start + earlier_shape[0])
            target = replace(target, index=(rows, *target.index[1:]))
            shape = (earlier_shape[0], *shape[1:])
        if shape == earlier_shape:
            matched.copies.append(Copy(source, target))
        else:
            matched.changed.append(name)
    # A kernel that only reads fewer features than before is not dropped.
    kernels = {name._replace(feature="") for name in new}
    matched.dropped.extend(n for n in earlier if n._replace(feature="") not in kernels)
    return matched


def block_shape(shapes: list[tuple[int, ...]], block: Block) -> tuple[int, ...]:
    """Returns the shape of a block, given the shapes of all weights."""
    lengths = zip(block.index, shapes[block.weight], strict=True)
    return tuple(len(range(*axis.indices(length))) for axis, length in lengths)


def copy_weights(earlier: Network, new: Network, copies: Iterable[Copy]) -> None:
    """Copies blocks of an earlier network into a new network, in place."""
    earlier_weights = earlier.logits.weights
    for position, pairs in by_weight(copies).items():
        weight = new.logits.weights[position]
        values = weight.numpy()
        for source, index in pairs:
            values[index] = earlier_weights[source.weight].numpy()[source.index]
        weight.assign(values)


def by_weight(copies: Iterable[Copy]) -> dict[int, list[tuple[Block, Index]]]:
    """Groups copies by the weight that they change.

    Returns {position of the weight in the new network: pairs of a block of the earlier
    network and the index of its copy in the weight}.
    """
    groups: dict[int, list[tuple[Block, Index]]] = defaultdict(list)
    for source, target in copies:
        groups[target.weight].append((source, target.index))
    return groups


def describe(blocks: Iterable[BlockName], text: str) -> list[str]:
    """Describes blocks in one line per layer: `towers: tower of click, buy: TEXT`."""
    owners: dict[tuple[str, str], dict[str, None]] = {}
    for name in blocks:
        owner = name.owner
        if name.part == "embeddings":
            owner += f" of {name.piece}" if name.piece else ""  # the task's vectors
        elif " " in name.piece:
            owner += f" for {name.piece.partition(' ')[2]}"  # a gate's expert
        # A dict, because a set would not keep the order of the owners.
        owners.setdefault((name.part, name.layer), {})[owner] = None
    lines = []
    for (part, layer), names in owners.items():
        list_of_names = ", ".join(filter(None, names))
        of_owners = f" of {list_of_names}" if list_of_names else ""
        lines.append(f"{part}: {layer}{of_owners}: {text}")
    return lines
