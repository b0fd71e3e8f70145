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
from mtl_cli.network.block_names import BlockName, describe_owner, describe_scenarios
from mtl_cli.network.owner_names import task_of_owner
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
    new_tasks = [task for task in config.chosen_tasks if task not in earlier.tasks]
    for part in config.start_from.freeze:
        fresh_here = [name for name in fresh if name.part == part]
        if not fresh_here:
            continue
        # If a feature goes on, its weights start fresh only with their whole layer.
        of_layers = [x for x in fresh_here if feature_of(x) in ("", *earlier.learnt)]
        if len(fresh_here) == sum(name.part == part for name in blocks):
            raise ConfigError(refusal(part, part, fresh_here, new_tasks, reasons))
        if of_layers:
            owners = dict.fromkeys(filter(None, map(describe_owner, of_layers)))
            weights = f"{part} of {comma_list(owners)}" if owners else f"some {part}"
            scenarios = dict.fromkeys(x.scenario.name for x in of_layers if x.scenario)
            if all(x.scenario for x in of_layers):
                weights += f" for {describe_scenarios(scenarios)}"
            raise ConfigError(refusal(part, weights, of_layers, new_tasks, reasons))
        features |= dict.fromkeys(map(feature_of, fresh_here))
        parts.append(part)
    if not features:
        return []
    return [
        f"start_from.freeze: these features start fresh, so their weights in "
        f"{', '.join(parts)} stay random: {comma_list(features)}; leave "
        f"{', '.join(parts)} out of start_from.freeze to train these weights"
    ]


def refusal(
    part: Part,
    weights: str,
    fresh: Collection[BlockName],
    new_tasks: Collection[str],
    reasons: Mapping[Part, str],
) -> str:
    """Returns an error message: frozen weights would stay at random values.

    Args:
        part: the part that is frozen.
        weights: the frozen weights that start fresh, such as `towers of buy`.
        fresh: the blocks of these weights.
        new_tasks: the tasks that do not go on from the earlier run.
        reasons: {part that starts fresh as a whole: the reason}.
    """
    reason = reasons.get(part, "no weights of the earlier run fit them")
    fix = f"leave {part} out of start_from.freeze"
    owners = [task_of_owner(name.owner, new_tasks) for name in fresh]
    if part not in reasons and all(owners):
        names = comma_list(dict.fromkeys(filter(None, owners)))
        reason = f"the earlier run has no {names} with the same keys"
        fix += f", or {names} out of the tasks"
    return (
        f"start_from.freeze: {weights} would stay at random weights, because {reason}; "
        f"{fix}"
    )


def feature_of(name: BlockName) -> str:
    """Returns the feature of a table or of a kernel's rows; "" for other blocks."""
    return name.owner if name.part == "embeddings" else name.feature
