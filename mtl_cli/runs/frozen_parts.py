"""Checks that no weight is frozen at the random value that it starts with.

A part of the network that `start_from.freeze` names keeps what the earlier run has
learnt. A frozen part that starts fresh would keep random weights instead: the tasks
would be predicted from a random projection, often with plausible scores.
"""

from collections.abc import Collection, Mapping

from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list
from mtl_cli.network.block_names import BlockName, describe_blocks
from mtl_cli.runs.earlier_run import EarlierRun


def check_frozen_parts(
    config: Config,
    earlier: EarlierRun,
    blocks: Collection[BlockName],
    fresh: Collection[BlockName],
    reasons: Mapping[Part, str],
) -> list[str]:
    """Checks that frozen parts go on from the earlier run.

    Args:
        config: the configuration of the new run.
        earlier: what the new run takes from the earlier run.
        blocks: all blocks of the new network.
        fresh: the blocks of the new network that start fresh.
        reasons: {part that starts fresh as a whole: the reason}.

    Returns: a warning if features start fresh and some of their weights are frozen.

    Raises:
        ConfigError: if other weights are frozen although they start fresh.
    """
    features: dict[str, None] = {}
    parts: list[str] = []
    for part in config.start_from.freeze:
        fresh_here = [name for name in fresh if name.part == part]
        # If a feature goes on, its weights start fresh only with their whole layer.
        of_layers = [x for x in fresh_here if feature_of(x) in ("", *earlier.learnt)]
        starts_fresh = len(fresh_here) == sum(name.part == part for name in blocks)
        if fresh_here and (of_layers or starts_fresh):
            reason = reasons.get(part, "no weights of the earlier run fit them")
            text = f"would stay at random weights, because {reason}"
            lines = describe_blocks(of_layers, text)
            line = f"{part} {text}" if starts_fresh else lines[0]
            raise ConfigError(
                f"start_from.freeze: {line}; leave {part} out of start_from.freeze"
            )
        if fresh_here:
            features |= dict.fromkeys(map(feature_of, fresh_here))
            parts.append(part)
    if not features:
        return []
    return [
        f"start_from.freeze: these features start fresh, so their weights in "
        f"{', '.join(parts)} stay random: {comma_list(features)}; leave "
        f"{', '.join(parts)} out of start_from.freeze to train these weights"
    ]


def feature_of(name: BlockName) -> str:
    """Returns the feature of a table or of a kernel's rows; "" for other blocks."""
    return name.owner if name.part == "embeddings" else name.feature
