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
        expert: such as `buy 2`, for a block that is the column of one expert in a gate;
            "" for all other blocks.
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
    expert: str = ""
    feature: str = ""
    feature_slice: int = 1
    feature_order: str = ""
    scenario: Scenario | None = None

    @property
    def of_all_features(self) -> "BlockName":
        """The name without the feature, equal for all blocks of one piece."""
        return self._replace(feature="", feature_slice=1, feature_order="")


def describe_blocks(blocks: Iterable[BlockName], text: str) -> list[str]:
    """Describes blocks for messages, one line per layer.

    For example, `towers: tower of click, buy: TEXT`, where `text` says what happens to
    the blocks. `describe_owners` describes `click, buy`. The weights of single
    scenarios have a line of their own: `towers: scenarios app, tv of tower of click,
    buy: TEXT`.
    """
    # {(part, layer, whether the blocks belong to single scenarios): the blocks}
    groups: dict[tuple[str, str, bool], list[BlockName]] = defaultdict(list)
    for name in blocks:
        groups[name.part, name.layer, name.scenario is not None].append(name)
    lines = []
    for (part, layer, _), names in groups.items():
        owners = ", ".join(describe_owners(names))
        of_owners = f" of {owners}" if owners else ""
        # A dict, because a set would not keep the order.
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
    # {owner: the experts of its blocks}, "" for blocks that are for all experts. The
    # inner dicts are sets that keep the order.
    experts_by_owner: dict[str, dict[str, None]] = defaultdict(dict)
    for name in blocks:
        owner = name.owner
        if name.part == "embeddings" and name.piece:
            owner = f"{name.owner} of {name.piece}"
        experts_by_owner[owner][name.expert] = None
    texts = []
    for owner, experts in experts_by_owner.items():
        columns = [f"{owner} for expert {expert}" for expert in experts if expert]
        if len(columns) > MAX_COLUMNS:
            columns = [f"{owner} for {len(columns)} experts"]
        texts += [owner, *columns] if owner and "" in experts else columns
    return texts
