"""Copies the weights and the optimizer's state of an earlier run into a new network.

Features and tasks that go on, see `runs/earlier_run.py`, keep their weights. All other
weights start fresh: they keep their initial values.
"""

import re
from dataclasses import replace
from pathlib import Path

import keras

from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.core.errors import DataError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.network.blocks import BlockName, blocks_of
from mtl_cli.network.build import Network
from mtl_cli.network.transfer import (
    Copy,
    EarlierOptimizer,
    copy_weights,
    describe,
    match,
)
from mtl_cli.runs import saved_model
from mtl_cli.runs.earlier_run import MAX_STEP, EarlierRun
from mtl_cli.training.checkpoint import read_intact
from mtl_cli.training.optimizer_state import OPTIMIZER

# The parts that start fresh if the two runs have different models.
PARTS_OF_MODEL: tuple[Part, ...] = ("experts", "gates", "towers")


def take_weights(
    network: Network, config: Config, features: FeatureSet, earlier: EarlierRun
) -> tuple[Network, EarlierRun]:
    """Copies the weights of an earlier run into a new network, in place.

    Args:
        network: the network of this run.
        config: the configuration of this run.
        features: the fitted features of this run.
        earlier: what the run takes from the earlier run apart from weights.

    Returns: the network with the state of the earlier optimizer; and `earlier` with the
        number of steps of that optimizer, and with a line for each layer that starts
        fresh or is left out.

    Raises:
        DataError: if the model of the earlier run is missing or damaged.
    """
    path = Path(str(config.start_from.run))
    policy = keras.config.dtype_policy()
    try:
        old_network, old_features, old_config = saved_model.load(path)
    except DataError as error:
        raise DataError(f"start_from.run: {error}") from None
    finally:
        # Building the earlier network has set the policy of the earlier run.
        keras.config.set_dtype_policy(policy)
    old_blocks = blocks_of(old_network, old_config, old_features.layout)
    messages = list(earlier.messages)
    fresh_parts = parts_to_start_fresh(config, old_config, messages)
    usable_blocks = {
        name: block
        for name, block in old_blocks.items()
        if name.part not in fresh_parts and goes_on(name, earlier)
    }
    matched = match(
        usable_blocks,
        blocks_of(network, config, features.layout),
        shapes_of(old_network),
        shapes_of(network),
    )
    copy_weights(old_network, network, matched.copies)
    # The messages do not repeat what other messages say of whole parts and features.
    new_features = config.dataset.used_features.keys() - earlier.learnt.keys()
    fresh = [name for name in matched.fresh if name.part not in fresh_parts]
    fresh = [name for name in fresh if goes_on(name, earlier)]
    messages += describe(fresh, "new, so it starts fresh")
    changed = [name for name in matched.changed if name.feature not in new_features]
    messages += describe(changed, "of another shape, so it starts fresh")
    messages += describe(matched.dropped, "left out, because this network lacks it")
    optimizer = earlier_optimizer(path, config, old_config, matched.copies, messages)
    step = None if optimizer is None else optimizer.step
    return (
        replace(network, earlier_optimizer=optimizer),
        replace(earlier, optimizer_step=step, messages=messages),
    )


def goes_on(name: BlockName, earlier: EarlierRun) -> bool:
    """Whether the feature or the task that a block belongs to goes on.

    Only blocks of embeddings belong to a feature, and only blocks of towers to a task.
    All other blocks go on.
    """
    if name.part == "embeddings":
        return name.owner in earlier.learnt
    if name.part == "towers":
        # A task can have a tower for each scenario: `click 1`, `click 2`. The owner ""
        # stands for the towers of all tasks.
        owners = {name.owner, re.sub(r" \d+$", "", name.owner)}
        return not owners.isdisjoint(("", *earlier.tasks))
    return True


def parts_to_start_fresh(config: Config, old: Config, messages: list[str]) -> set[Part]:
    """Returns the parts of the network that start fresh.

    Args:
        config: the configuration of this run.
        old: the configuration of the earlier run.
        messages: the list to which a line is added for each reason.
    """
    parts = set(config.start_from.reset)
    for part in config.start_from.reset:
        messages.append(f"{part} start fresh, as start_from.reset says")
    if config.model.name != old.model.name:
        parts.update(PARTS_OF_MODEL)
        messages.append(
            f"the model was {old.model.name}, is {config.model.name}, so experts, "
            f"gates and towers start fresh; model={old.model.name} keeps them"
        )
    if config.encoder.name != old.encoder.name:
        parts.add("encoder")
        messages.append(
            f"the encoder was {old.encoder.name}, is {config.encoder.name}, so it "
            f"starts fresh; encoder={old.encoder.name} keeps it"
        )
    return parts


def shapes_of(network: Network) -> list[tuple[int, ...]]:
    """Returns the shapes of all weights of a network."""
    return [tuple(weight.shape) for weight in network.logits.weights]


def earlier_optimizer(
    path: Path, config: Config, old: Config, copies: list[Copy], messages: list[str]
) -> EarlierOptimizer | None:
    """Reads the state of the earlier optimizer.

    Args:
        path: the folder of the earlier run.
        config: the configuration of this run.
        old: the configuration of the earlier run.
        copies: the blocks that were copied from the earlier network.
        messages: the list to which a line is added if the optimizer starts fresh.

    Returns: the state; None if the optimizer starts fresh.

    Raises:
        DataError: if the file of the state is damaged.
    """
    name, old_name = config.optimizer.name, old.optimizer.name
    if name != old_name:
        messages.append(f"the optimizer was {old_name}, is {name}, so it starts fresh")
        return None
    file = path / OPTIMIZER
    if not file.exists():
        messages.append(f"{file} does not exist, so the optimizer starts fresh")
        return None
    values = read_intact(file)
    step = None if values is None else values.get("step")
    # `type`, because `isinstance` would accept True as an int.
    if type(step) is not int or not 0 <= step <= MAX_STEP:
        raise DataError(
            f"start_from.run: {file} is damaged; copy the file again, or remove it to "
            "start with a new optimizer"
        )
    return EarlierOptimizer(step, file, tuple(copies))
