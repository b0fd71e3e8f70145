"""Copies the weights and the optimizer's state of an earlier run into a new network.

A feature or a task *goes on* if both runs define it with the same keys. The weights of
such a feature or task are copied from the earlier run if they fit the new network.
Weights that are not copied *start fresh*: they keep the initial values of the new
network.

The weights are copied in *blocks*. A block is a part of a weight that has an owner,
such as the embedding table of a feature or the kernel of an expert; see
`network/blocks.py`.
"""

from dataclasses import replace
from pathlib import Path

from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.core.errors import DataError
from mtl_cli.core.keras_settings import default_keras_settings
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.scenarios import network_scenario_names
from mtl_cli.network.blocks import blocks_of
from mtl_cli.network.network import Network
from mtl_cli.network.owner_names import task_of_owner
from mtl_cli.network.parts import freeze
from mtl_cli.network.transfer import (
    Block,
    BlockName,
    EarlierOptimizer,
    copy_weights,
    describe_blocks,
    match,
)
from mtl_cli.runs import saved_model
from mtl_cli.runs.console import Console
from mtl_cli.runs.earlier_run import KEY, MAX_STEP, EarlierRun
from mtl_cli.runs.frozen_parts import check_frozen_parts
from mtl_cli.training.optimizer_state import OPTIMIZER, read_step


def start_from(
    network: Network,
    config: Config,
    folder: RunFolder,
    console: Console,
    features: FeatureSet,
    earlier: EarlierRun,
) -> Network:
    """Copies the weights of an earlier run into a network, and freezes parts of it.

    A resumed run copies no weights: it will read all weights from its checkpoint.

    Returns: the network, with the state of the earlier optimizer if this run continues
        that optimizer.
    """
    if not earlier.is_kept:
        network, earlier, warnings = take_weights(network, config, features, earlier)
        earlier.keep(folder)
        console.print_line(earlier.summary(features))
        for warning in warnings:
            console.warn(warning)
        for message in earlier.messages:
            console.print_line(f"start_from: {message}")
    elif earlier.optimizer_step is not None:
        optimizer = EarlierOptimizer(earlier.optimizer_step)
        network = replace(network, earlier_optimizer=optimizer)
    freeze(network, config.start_from.freeze)
    return network


def take_weights(
    network: Network, config: Config, features: FeatureSet, earlier: EarlierRun
) -> tuple[Network, EarlierRun, list[str]]:
    """Copies the weights of an earlier run into a new network, in place.

    Returns: the network with the state of the earlier optimizer; `earlier` with the
        number of steps of that optimizer, and with a message for each layer that starts
        fresh or is left out; and warnings about frozen weights that start fresh.
    """
    path = Path(str(config.start_from.run))
    # Building the earlier network sets the dtype policy of the earlier run.
    with default_keras_settings():
        model = saved_model.load(path)
    fresh_parts = parts_to_start_fresh(config, model.config)
    fresh_scenarios = scenarios_to_start_fresh(config, model.config, earlier)

    def is_usable(name: BlockName) -> bool:
        if name.part in fresh_parts or (name.scenario and fresh_scenarios):
            return False
        return goes_on(name, earlier)

    earlier_blocks = named_blocks(model.network, model.config, model.features)
    blocks = named_blocks(network, config, features)
    earlier_shapes = [tuple(weight.shape) for weight in model.network.logits.weights]
    matched = match(
        {name: block for name, block in earlier_blocks.items() if is_usable(name)},
        blocks,
        earlier_shapes,
        [tuple(weight.shape) for weight in network.logits.weights],
    )
    all_fresh = [*matched.fresh, *matched.changed]
    warnings = check_frozen_parts(config, earlier, blocks, all_fresh, fresh_parts)
    copy_weights(model.network.logits, network.logits, matched.copies)
    step, optimizer_messages = optimizer_step(path, config, model.config)
    optimizer = None
    if step is not None:
        optimizer = EarlierOptimizer(
            step, path / OPTIMIZER, tuple(matched.copies), tuple(earlier_shapes)
        )
    # Parts and features that start fresh entirely have a message of their own, so their
    # layers get no messages.
    new = [name for name in matched.fresh if is_usable(name)]
    fresh_features = config.dataset.used_features.keys() - earlier.learnt.keys()
    changed = [name for name in matched.changed if name.feature not in fresh_features]
    why_changed = "of another shape, or reads other features, so it starts fresh"
    messages = [
        *earlier.messages,
        *dict.fromkeys(fresh_parts.values()),
        *fresh_scenarios,
        *describe_blocks(new, "new, so it starts fresh"),
        *describe_blocks(changed, why_changed),
        *describe_blocks(matched.dropped, "left out, because this network lacks it"),
        *optimizer_messages,
    ]
    return (
        replace(network, earlier_optimizer=optimizer),
        replace(earlier, optimizer_step=step, messages=messages),
        warnings,
    )


def named_blocks(
    network: Network, config: Config, features: FeatureSet
) -> dict[BlockName, Block]:
    """Splits all weights of a network into blocks: {name of a block: the block}."""
    scenario_names = network_scenario_names(config.dataset, features)
    return blocks_of(network, config, features.layout, scenario_names)


def goes_on(name: BlockName, earlier: EarlierRun) -> bool:
    """Whether the feature or the task of a block goes on; True for other blocks.

    Only blocks of embeddings belong to a feature, and only blocks of towers to a task.
    """
    if name.part == "embeddings":
        return name.owner in earlier.learnt
    if name.part == "towers":
        # Weights that the towers of all tasks share have the owner "".
        return not name.owner or task_of_owner(name.owner, earlier.tasks) is not None
    return True


def parts_to_start_fresh(config: Config, earlier_config: Config) -> dict[Part, str]:
    """Returns {part that starts fresh as a whole: a message that says why}."""
    parts = {
        part: f"fresh {part}, as start_from.reset says"
        for part in config.start_from.reset
    }
    model, earlier_model = config.model.name, earlier_config.model.name
    if model != earlier_model:
        message = (
            f"the model was {earlier_model}, is {model}, so experts, gates and towers "
            f"start fresh; model={earlier_model} keeps their weights"
        )
        parts |= dict.fromkeys(("experts", "gates", "towers"), message)
    else:
        for key in config.model.gate_reset_keys:
            old, new = getattr(earlier_config.model, key), getattr(config.model, key)
            if new != old:
                parts["gates"] = (
                    f"model.{key} was {old}, is {new}, so gates start fresh; "
                    f"model.{key}={old} keeps their weights"
                )
    encoder, earlier_encoder = config.encoder.name, earlier_config.encoder.name
    if encoder != earlier_encoder:
        parts["encoder"] = (
            f"the encoder was {earlier_encoder}, is {encoder}, so the encoder starts "
            f"fresh; encoder={earlier_encoder} keeps its weights"
        )
    return parts


def scenarios_to_start_fresh(
    config: Config, earlier_config: Config, earlier: EarlierRun
) -> list[str]:
    """Returns a message if the weights of single scenarios start fresh, else [].

    The id of a scenario numbers its weights, so the weights go on only if an id means
    the same scenario in both runs. If one of the networks does not read the scenario,
    there are no weights to copy, and no message.
    """
    feature = config.dataset.scenario
    if feature is None or not (config.reads_scenario and earlier_config.reads_scenario):
        return []
    # The scenario of a row is its id in the table of this feature.
    owner = config.dataset.features[feature].table_owner(feature)
    is_same_feature = feature == earlier_config.dataset.scenario
    if is_same_feature and {feature, owner} <= earlier.learnt.keys():
        return []
    return [
        f"dataset.scenario is {feature}, whose ids do not go on, so the weights of "
        "single scenarios start fresh"
    ]


def optimizer_step(
    path: Path, config: Config, earlier_config: Config
) -> tuple[int | None, list[str]]:
    """Finds how many steps the optimizer of the earlier run in `path` has taken.

    Returns: the number of steps, and no message; or, if the optimizer starts fresh,
        None and a message that says why.
    """
    name, earlier_name = config.optimizer.name, earlier_config.optimizer.name
    if name != earlier_name:
        message = f"the optimizer was {earlier_name}, is {name}, so {name} starts fresh"
        return None, [message]
    file = path / OPTIMIZER
    if not file.exists():
        return None, [f"{file} does not exist, so the optimizer starts fresh"]
    step = read_step(file)
    if step is None or step > MAX_STEP:
        raise DataError(
            f"{KEY}: {file} is damaged; copy the file again, or remove it to "
            "start with a new optimizer"
        )
    return step, []
