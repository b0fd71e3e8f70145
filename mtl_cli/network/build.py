"""From a configuration to a Keras model: encoder, sharing, towers, heads."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import keras
from keras import ops

from mtl_cli.columns.encodings import Encodings
from mtl_cli.columns.layout import INPUT_TYPES, Layout
from mtl_cli.config.run_config import Config
from mtl_cli.core.private_doors import unallocated_variables
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import spread_name
from mtl_cli.layers.calibration import Calibration
from mtl_cli.layers.ensemble import EnsembleInputs, by_member
from mtl_cli.network.ensemble import mean_models
from mtl_cli.tasks.base import Statistics

if TYPE_CHECKING:
    from mtl_cli.network.predictor import Predictor
    from mtl_cli.network.transfer import EarlierOptimizer

# More weights and variables than the smallest network has beside its stored weights.
UNSTORED = 1000
# Keras' policy for each `trainer.precision`. Weights are float32 in both.
DTYPE_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@dataclass(frozen=True)
class Network:
    """A network in two forms. Both share all layers and weights.

    Both forms read `{"ids": (B, F), "dense": (B, K), ...}` and return
    `{output: (B, 1)}`, or `{output: (B, classes)}`.

    Attributes:
        logits: the model to train, from inputs to each output's logits.
        predictions: the model to use, from inputs to each output's probabilities or
            values.
        label_statistics: {task: mean and deviation of its labels}, for tasks with
            standardised labels.
        encodings: the outputs of the encoder, (B, D) each.
        hidden: the output of the sharing scheme, (T, B, H) or (B, H).
        calibrations: {task: the layer that calibrates the logits of its tower}, for
            tasks that predict probabilities. Only `predictions` has these layers.
        earlier_optimizer: the state that training starts its optimizer from; None
            starts it fresh.
        runs: the networks of the runs whose mean prediction an ensemble is; empty for
            the network of one run.
    """

    logits: keras.Model
    predictions: keras.Model
    label_statistics: dict[str, Statistics] = field(default_factory=dict)
    encodings: list[Tensor] = field(default_factory=list)
    hidden: Tensor = None
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    earlier_optimizer: "EarlierOptimizer | None" = None
    runs: "list[Network]" = field(default_factory=list)

    @cached_property
    def predict(self) -> "Predictor":
        """Predicts the rows of a table: `predict(table)`. TensorFlow traces it once."""
        from mtl_cli.network.predictor import Predictor

        return Predictor(self.predictions)


def build(
    config: Config,
    layout: Layout,
    label_statistics: dict[str, Statistics] | None = None,
) -> Network:
    """Builds the network that a configuration describes.

    Args:
        config: the run's configuration.
        layout: the places of the features in the inputs.
        label_statistics: {task: mean and deviation of its labels}, for tasks with
            standardised labels.
    """
    statistics = label_statistics or {}
    if config.ensemble:
        return average([build_run(config, layout, statistics) for _ in config.ensemble])
    return build_run(config, layout, statistics)


def average(runs: list[Network]) -> Network:
    """Returns the ensemble of the networks of several runs."""
    logits, predictions = mean_models([(run.logits, run.predictions) for run in runs])
    return Network(logits, predictions, runs[0].label_statistics, runs=runs)


def build_run(
    config: Config, layout: Layout, statistics: dict[str, Statistics]
) -> Network:
    """Builds the network of one run; see `build`."""
    keras.config.set_dtype_policy(DTYPE_POLICIES[config.trainer.precision])
    model, tasks = config.model, config.chosen_tasks
    inputs = connect_inputs(layout)
    encodings = config.encoder.encode(
        inputs, layout, model.num_encodings(len(tasks)), model.dense_options
    )
    if config.dataset.scenario is not None and config.reads_scenario:
        shares = scenario_shares(inputs, layout, config.dataset.scenario)
        encodings = replace(encodings, scenario=shares)
    rows = rows_of_members(encodings, model.members)
    features_by_key = model.named_features()
    vectors = [rows.of_features(names)[0] for names in features_by_key.values()]
    vectors += [rows.scenario] if model.reads_scenario else []
    # (T, B, H) or (B, H)
    hidden = model.share([*rows.outputs, *vectors], list(tasks))
    towers = model.towers_option.connect(
        hidden, model.towers_of(tasks), rows, **model.dense_options
    )
    towers_by_task = dict(zip(tasks, towers, strict=True))
    logits = model.heads_option.connect(towers_by_task, tasks)
    calibrations = {
        name: Calibration(task.logit_shift, name=f"calibration_{i}", dtype="float32")
        for i, (name, task) in enumerate(tasks.items())
        if task.HAS_PROBABILITIES
    }
    calibrated = {
        name: calibrations[name](x) if name in calibrations else x
        for name, x in towers_by_task.items()
    }
    calibrated = model.heads_option.connect(calibrated, tasks)
    predictions = {
        output.name: output.task.predictions(
            calibrated[output.name], statistics.get(output.label, {})
        )
        for output in config.outputs
    }
    if model.members > 1:
        of_members = {
            name: by_member(x, model.members) for name, x in predictions.items()
        }
        predictions = {name: ops.mean(x, axis=0) for name, x in of_members.items()}
        predictions |= {
            spread_name(name): ops.std(x, axis=0) for name, x in of_members.items()
        }
    return Network(
        keras.Model(inputs, logits),
        keras.Model(inputs, predictions),
        statistics,
        encodings.outputs,
        hidden,
        calibrations,
    )


def rows_of_members(encodings: Encodings, num_members: int) -> Encodings:
    """Returns the encodings that each member of an ensemble reads.

    All tensors hold the rows of one member after another, `(num_members * batch, dim)`.
    """
    if num_members == 1:
        return encodings
    split = EnsembleInputs(num_members, name="members")
    return replace(
        encodings,
        outputs=[split(x) for x in encodings.outputs],
        x=[ops.tile(x, (num_members, 1)) for x in encodings.x],
        scenario=None
        if encodings.scenario is None
        else ops.tile(encodings.scenario, (num_members, 1)),
    )


def scenario_shares(inputs: dict[str, Tensor], layout: Layout, feature: str) -> Tensor:
    """Returns the shares of the scenarios in each row, `(batch, scenarios)`.

    A row of a known scenario has the share 1 of this scenario. A row of an unknown one
    has equal shares of all scenarios.

    Args:
        inputs: the inputs of the network.
        layout: the places of the features in the inputs.
        feature: the feature whose values are the scenarios.
    """
    ids = inputs["ids"][:, layout.columns[feature].start]
    table = layout.tables[layout.blocks[feature].table or feature]
    # Id 0 is for unknown values. ONNX takes an id of -1 for the last one.
    shares = ops.one_hot(ids, table.size, dtype="float32")
    return shares[:, 1:] + shares[:, :1] / (table.size - 1)


def check_size(
    config: Config,
    layout: Layout,
    label_statistics: dict[str, Statistics],
    stored_arrays: Collection[int],
) -> None:
    """Refuses stored weights that do not have the size of a configuration's network.

    Without this check, a few changed digits would fill the memory, or take hours. The
    network is made without memory for its weights, and only as far as weights are
    stored for it.

    Args:
        config: as in `build`.
        layout: as in `build`.
        label_statistics: as in `build`.
        stored_arrays: the number of weights in each stored array.

    Raises:
        ValueError: if the sizes differ.
    """
    stored = sum(stored_arrays)
    # Dropout and the noise of gates have variables that are not stored.
    bounds = 2 * stored + UNSTORED, 2 * len(stored_arrays) + UNSTORED
    with unallocated_variables(*bounds):
        network = build_run(config, layout, label_statistics)
        described = int(network.predictions.count_params())
    described *= max(1, len(config.ensemble))
    if described != stored:
        raise ValueError(
            f"the configuration describes {described:,} weights, {stored:,} are stored"
        )


def connect_inputs(layout: Layout) -> dict[str, Tensor]:
    """Returns the network's inputs, each `(B, columns)`, without the empty inputs."""
    return {
        name: keras.Input((layout.width(name),), dtype=dtype, name=name)
        for name, dtype in INPUT_TYPES.items()
        if layout.width(name)
    }
