"""Checks that no weight is frozen at the random value that it starts with.

`start_from.freeze` names parts of the network that keep the weights of the earlier run.
A frozen part without such weights would keep random weights: the tasks would be
predicted from a random projection, often with plausible scores.
"""

from collections.abc import Collection, Mapping

from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list
from mtl_cli.network.transfer import BlockName, describe_blocks
from mtl_cli.runs.earlier_run import EarlierRun


def check_frozen_parts(
    config: Config,
    earlier: EarlierRun,
    blocks: Collection[BlockName],
    fresh: Collection[BlockName],
    reasons: Mapping[Part, str],
) -> list[str]:
    """Refuses frozen parts that would keep random weights.

    Args:
        config: the configuration of the new run.
        earlier: what the new run takes from the earlier run.
        blocks: all blocks of the new network.
        fresh: the blocks that start with random weights.
        reasons: {part of which all blocks start with random weights: the reason}.

    Returns: a warning about features that do not go on from the earlier run, if some of
        their weights are frozen. Other frozen weights that start at random are refused.
    """
    fresh_features: dict[str, None] = {}  # an ordered set
    for part in config.start_from.freeze:
        fresh_blocks = [block for block in fresh if block.part == part]
        is_whole_part = len(fresh_blocks) == sum(block.part == part for block in blocks)
        # A fresh block that is not due to a fresh feature: a whole layer starts fresh.
        is_layer_fresh = any(
            feature_of(block) in ("", *earlier.learnt) for block in fresh_blocks
        )
        if fresh_blocks and (is_whole_part or is_layer_fresh):
            line = describe_blocks(fresh_blocks, "would stay at random weights")[0]
            reason = reasons.get(part, "no weights of the earlier run fit them")
            raise ConfigError(
                f"start_from.freeze: {line}, because {reason}; leave {part} out of "
                "start_from.freeze"
            )
        fresh_features |= dict.fromkeys(map(feature_of, fresh_blocks))
    if not fresh_features:
        return []
    return [
        "start_from.freeze: these features start fresh, so their frozen weights stay "
        f"random: {comma_list(fresh_features)}"
    ]


def feature_of(block: BlockName) -> str:
    """Returns the feature of a block; "" if the block belongs to no single feature."""
    return block.owner if block.part == "embeddings" else block.feature
