"""Builds the Keras model of a configuration: encoder, sharing, towers and heads.

`network.py` explains the letters in shapes.
"""

from collections.abc import Collection
from dataclasses import replace

import keras
from keras import ops

from mtl_cli.columns.encodings import Encodings
from mtl_cli.columns.layout import INPUT_TYPES, Layout
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.machine import memory_bytes
from mtl_cli.core.prediction_names import spread_name
from mtl_cli.core.private_apis import (
    TooManyWeightsError,
    bounded_weights,
    unallocated_variables,
)
from mtl_cli.core.tensors import Tensor, check_shape
from mtl_cli.layers.calibration import Calibration
from mtl_cli.layers.members import MemberInputs, split_by_member
from mtl_cli.network.feature_factors import add_feature_factors
from mtl_cli.network.network import Network, average
from mtl_cli.tasks.base import Statistics

# The weights must fit this fraction of the memory. The rest is for the gradients, the
# state of the optimizer and copies.
FRACTION_OF_MEMORY = 0.5
BYTES_PER_WEIGHT = 4
# Keras' policy for each `trainer.precision`. Weights are float32 under both policies.
DTYPE_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def build(
    config: Config,
    layout: Layout,
    label_statistics: dict[str, Statistics] | None = None,
) -> Network:
    """Builds the network that a configuration describes, with initial weights.

    If the key `ensemble` lists seeds, the network averages one network per seed.
    """
    statistics = label_statistics or {}
    max_bytes = FRACTION_OF_MEMORY * memory_bytes()
    num_runs = max(1, len(config.ensemble))  # an empty list means one run
    try:
        with bounded_weights(max_bytes / BYTES_PER_WEIGHT):
            runs = [build_run(config, layout, statistics) for _ in range(num_runs)]
    except TooManyWeightsError:
        raise ConfigError(
            f"model: the weights need more than {max_bytes / 2**30:.0f} GiB, half of "
            "the memory of this machine; take smaller sizes in model and encoder, or "
            "a larger min_count or fewer num_buckets for features with many values"
        ) from None
    return average(runs) if config.ensemble else runs[0]


def build_run(
    config: Config, layout: Layout, statistics: dict[str, Statistics]
) -> Network:
    """Builds the network of one run."""
    keras.config.set_dtype_policy(DTYPE_POLICIES[config.trainer.precision])
    model = config.model
    tasks = config.chosen_tasks
    inputs = connect_inputs(layout)
    encodings = config.encoder.encode(
        inputs, layout, model.num_encodings(len(tasks)), model.dense_options
    )
    if config.dataset.scenario is not None and config.reads_scenario:
        weights = connect_scenario_weights(inputs, layout, config.dataset.scenario)
        encodings = replace(encodings, scenario_weights=weights)
    member_encodings = encodings_of_members(encodings, model.members)
    hidden = model.share(member_encodings, list(tasks))
    is_shared_by_tasks = len(getattr(hidden, "shape", ())) == 2
    axes = ("batch", "units") if is_shared_by_tasks else (len(tasks), "batch", "units")
    check_shape(f"model={model.name}: `share`", hidden, axes)
    tower_logits = model.towers_option.connect(
        hidden, model.tower_specs(tasks), member_encodings, **model.dense_options
    )
    logits_by_task = dict(zip(tasks, tower_logits, strict=True))
    for name, task in tasks.items():
        source = f"model.towers={model.towers}: `connect` for task {name}"
        check_shape(source, logits_by_task[name], ("batch", task.num_logits))
    logits = connect_heads(config, logits_by_task)
    calibrations = calibration_layers(config, statistics)
    predictions = connect_predictions(config, logits_by_task, calibrations, statistics)
    network = Network(
        logits=keras.Model(inputs, logits),
        predictions=keras.Model(inputs, predictions),
        label_statistics=statistics,
        x=encodings.x,
        encodings=encodings.outputs,
        hidden=hidden,
        calibrations=calibrations,
        dropout_rates=layout.dropout_rates,
    )
    if model.feature_factors:
        add_feature_factors(network, config, layout)
    return network


def check_size(
    config: Config,
    layout: Layout,
    label_statistics: dict[str, Statistics],
    array_sizes: Collection[int],
) -> None:
    """Raises ValueError if a network has more or fewer weights than are stored.

    A few changed digits in a saved configuration can describe a network that fills the
    memory or takes hours to build. So the weights are counted without allocating them,
    up to twice the stored number. `array_sizes` holds the number of weights in each
    stored array.
    """
    num_stored = sum(array_sizes)
    max_weights, max_variables = 2 * num_stored, 2 * len(array_sizes)
    with unallocated_variables(), bounded_weights(max_weights, max_variables):
        network = build_run(config, layout, label_statistics)
        num_described = int(network.predictions.count_params())
    num_described *= max(1, len(config.ensemble))  # an empty list means one run
    if num_described != num_stored:
        raise ValueError(
            f"the configuration describes {num_described:,} weights, but "
            f"{num_stored:,} are stored"
        )


def connect_heads(
    config: Config, logits_by_task: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Connects the heads to the logits of the towers: {output: its logits}."""
    heads = config.model.heads_option
    logits = heads.connect(logits_by_task, config.chosen_tasks)
    for output in config.outputs:
        source = f"model.heads={config.model.heads}: `connect` for {output.name}"
        y = logits.get(output.name)
        check_shape(source, y, ("batch", output.task.num_logits))
    return logits


def calibration_layers(
    config: Config, statistics: dict[str, Statistics]
) -> dict[str, Calibration]:
    """Makes a layer for each task whose kind can be calibrated: {task: the layer}."""
    return {
        name: Calibration(
            task.logit_shift,
            task.shift_direction(statistics.get(name, {})),
            name=f"calibration_{i}",
            dtype="float32",
        )
        for i, (name, task) in enumerate(config.chosen_tasks.items())
        if task.calibration_methods
    }


def connect_predictions(
    config: Config,
    logits_by_task: dict[str, Tensor],
    calibrations: dict[str, Calibration],
    statistics: dict[str, Statistics],
) -> dict[str, Tensor]:
    """Calibrates the logits of each tower, and computes the predictions of outputs.

    With several members, a prediction is the mean over the members, and the standard
    deviation over the members is one more prediction.
    """
    num_members = config.model.members
    calibrated_logits = {
        name: calibrations[name](logits) if name in calibrations else logits
        for name, logits in logits_by_task.items()
    }
    logits = connect_heads(config, calibrated_logits)
    predictions: dict[str, Tensor] = {}
    spreads: dict[str, Tensor] = {}
    for output in config.outputs:
        label_statistics = statistics.get(output.label, {})
        task = output.task
        prediction = task.predictions(logits[output.name], label_statistics)
        source = f"dataset.tasks.{output.label}: `predictions` of kind {task.kind}"
        check_shape(source, prediction, ("batch", task.num_predictions))
        if num_members > 1:
            member_predictions = split_by_member(prediction, num_members)
            prediction = ops.mean(member_predictions, axis=0)
            spreads[spread_name(output.name)] = ops.std(member_predictions, axis=0)
        predictions[output.name] = prediction
    return predictions | spreads


def encodings_of_members(encodings: Encodings, num_members: int) -> Encodings:
    """Repeats the encodings of a batch for each member, scaled by the member's vectors.

    Each encoding has vectors of its own: the tasks of `single_task` share nothing. All
    tensors become (num_members * B, width): first the rows of the first member,
    then the rows of the second member, and so on.
    """
    if num_members == 1:
        return encodings
    names = ["members"]
    if len(encodings.outputs) > 1:
        names = [f"members_{i}" for i in range(len(encodings.outputs))]
    scenario_weights = encodings.scenario_weights
    if scenario_weights is not None:
        scenario_weights = ops.tile(scenario_weights, (num_members, 1))
    return replace(
        encodings,
        outputs=[
            MemberInputs(num_members, name=name)(encoding)
            for name, encoding in zip(names, encodings.outputs, strict=True)
        ],
        x=[ops.tile(x, (num_members, 1)) for x in encodings.x],
        scenario_weights=scenario_weights,
        num_members=num_members,
    )


def connect_scenario_weights(
    inputs: dict[str, Tensor], layout: Layout, feature: str
) -> Tensor:
    """Computes the weight of each scenario in each row, (B, scenarios).

    The scenarios are the known values of `feature`. The scenario of the row has weight
    1, and all others 0. If it is unknown, all have the same weight, with the sum 1.
    """
    ids = inputs["ids"][:, layout.columns[feature].start]
    table = layout.tables[layout.blocks[feature].table or feature]
    # Unknown values have the id 0, and scenario i has the id i. Not a one-hot vector of
    # `ids - 1`: ONNX would read an unknown value, -1, as the last scenario.
    num_scenarios = table.size - 1
    one_hot = ops.one_hot(ids, table.size, dtype="float32")
    is_unknown = one_hot[:, :1]  # 1 or 0, (B, 1)
    return one_hot[:, 1:] + is_unknown / num_scenarios


def connect_inputs(layout: Layout) -> dict[str, Tensor]:
    """Makes the network's inputs, (B, columns) each, without empty inputs."""
    return {
        name: keras.Input((layout.width(name),), dtype=dtype, name=name)
        for name, dtype in INPUT_TYPES.items()
        if layout.width(name)
    }
