"""The names of blocks, the parts of a network's weights that have an owner.

`blocks.py` cuts the weights into blocks.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from mtl_cli.config.start_from import Part

MAX_COLUMNS = 2  # the number of columns of a gate that messages name


class Scenario(NamedTuple):
    """A scenario that has weights of its own.

    Attributes:
        id: the id of the scenario's value. New values have higher ids, so each scenario
            keeps its id in a run that starts from another run.
        name: the name of the scenario, for messages.
    """

    id: int
    name: str


class BlockName(NamedTuple):
    """The name of a block.

    Attributes:
        part: the part of the network, see `part_of_layers`.
        layer: the kind of layer, such as `level_1_gates`, `tower` or `table`.
        owner: what the block belongs to: a task (`click`), an expert (`2`), an expert
            of a task (`click 2`), a member (`member 2`), or the feature of an embedding
            table (`user`); "" if all networks of the layer share the block.
        piece: the name of a piece of the owner's weights, such as `0.kernel` for the
            kernel of the first layer. In an embedding table, the task that owns the
            vectors; "" if all tasks share the vectors.
        feature: the feature that the rows of a kernel read, or whose columns the block
            scales; "" if the block does not belong to a single feature.
        feature_slice: the number of the slice of the feature, see `FeatureSlice`.
        feature_order: the list of all features, if the block depends on their order;
            "" for all other blocks.
        scenario: the scenario that the weights are for; None if they are for all
            scenarios.
    """

    part: Part
    layer: str
    owner: str
    piece: str
    feature: str = ""
    feature_slice: int = 1
    feature_order: str = ""
    scenario: Scenario | None = None

    @property
    def of_all_features(self) -> "BlockName":
        """The name without the feature, equal for all blocks of one piece."""
        return self._replace(feature="", feature_slice=1, feature_order="")


def describe_blocks(blocks: Iterable[BlockName], text: str) -> list[str]:
    """Describes blocks in one line per layer: `towers: tower of click, buy: TEXT`.

    Many blocks of experts are counted: `gates: gates of click for 8 experts: TEXT`.

    The weights of single scenarios have a line of their own: `towers: scenarios app, tv
    of tower of click, buy: TEXT`. `text` says what happens to the blocks.
    """
    # {(part, layer, whether the blocks belong to scenarios): the blocks}
    groups: dict[tuple[str, str, bool], list[BlockName]] = defaultdict(list)
    for name in blocks:
        groups[name.part, name.layer, name.scenario is not None].append(name)
    lines = []
    for (part, layer, _), names in groups.items():
        owners = ", ".join(describe_owners(names))
        of_owners = f" of {owners}" if owners else ""
        # The keys of a dict, because a set would not keep their order.
        scenarios = dict.fromkeys(n.scenario.name for n in names if n.scenario)
        prefix = f"{describe_scenarios(scenarios)} of " if scenarios else ""
        lines.append(f"{part}: {prefix}{layer}{of_owners}: {text}")
    return lines


def describe_scenarios(names: Collection[str]) -> str:
    """Returns `scenario app`, or `scenarios app, tv`."""
    return f"scenario{'s' if len(names) > 1 else ''} {', '.join(names)}"


def describe_owners(blocks: Iterable[BlockName]) -> list[str]:
    """Describes the owners of blocks, such as `click`, or `click for expert buy 2`.

    `click for expert buy 2` is the column of the second expert of the task buy in the
    gate of the task click. More than `MAX_COLUMNS` columns of a gate are counted, as in
    `click for 8 experts`. For an embedding table, `user of click` is the table of the
    feature user with the vectors of the task click.
    """
    # {owner: the experts of its columns; "" stands for other blocks of the owner}
    experts: dict[str, dict[str, None]] = defaultdict(dict)
    for name in blocks:
        if name.part == "embeddings":
            owner = f"{name.owner} of {name.piece}" if name.piece else name.owner
            experts[owner][""] = None
        else:
            experts[name.owner][name.piece.partition(" ")[2]] = None
    texts = []
    for owner, names in experts.items():
        columns = [f"{owner} for {name}" for name in names if name]
        if len(columns) > MAX_COLUMNS:
            columns = [f"{owner} for {len(columns)} experts"]
        texts += [owner, *columns] if owner and "" in names else columns
    return texts
