"""From a configuration to a Keras model: encoder, sharing, towers, heads."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import keras

from mtl_cli.columns.layout import INPUT_TYPES, Layout
from mtl_cli.config.run_config import Config
from mtl_cli.core.private_doors import unallocated_variables
from mtl_cli.core.tensors import Tensor
from mtl_cli.tasks.base import Statistics

if TYPE_CHECKING:
    from mtl_cli.network.predictor import Predictor
    from mtl_cli.network.transfer import EarlierOptimizer

# Keras' policy for each `trainer.precision`. Weights are float32 in both.
DTYPE_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@dataclass(frozen=True)
class Network:
    """A network in two forms, which share all layers and weights.

    Both forms read `{"ids": (B, F), "dense": (B, K), ...}` and return
    `{output: (B, 1)}`, or `{output: (B, classes)}`.

    Attributes:
        logits: the model to train. It returns each output's logits.
        predictions: the model to use. It returns each output's probabilities or values.
        label_statistics: {task: mean and deviation of its labels}, for tasks with
            standardised labels.
        encodings: the outputs of the encoder, (B, D) each.
        hidden: the output of the sharing scheme, (T, B, H) or (B, H).
        earlier_optimizer: the state that training starts its optimizer from; None
            starts it fresh.
    """

    logits: keras.Model
    predictions: keras.Model
    label_statistics: dict[str, Statistics] = field(default_factory=dict)
    encodings: list[Tensor] = field(default_factory=list)
    hidden: Tensor = None
    earlier_optimizer: "EarlierOptimizer | None" = None

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
    keras.config.set_dtype_policy(DTYPE_POLICIES[config.trainer.precision])
    model, tasks = config.model, config.chosen_tasks
    statistics = label_statistics or {}
    inputs = connect_inputs(layout)
    encodings = config.encoder.encode(
        inputs, layout, model.num_encodings(len(tasks)), model.dense_options
    )
    named = model.named_features().values()
    vectors = [encodings.of_features(names)[0] for names in named]
    hidden = model.share(
        [*encodings.outputs, *vectors], list(tasks)
    )  # (T, B, H) or (B, H)
    towers = model.towers_option.connect(
        hidden, model.towers_of(tasks), encodings, **model.dense_options
    )
    logits = dict(zip(tasks, towers, strict=True))
    logits = model.heads_option.connect(logits, tasks)
    predictions = {
        output.name: output.task.predictions(
            logits[output.name], statistics.get(output.label, {})
        )
        for output in config.outputs
    }
    return Network(
        keras.Model(inputs, logits),
        keras.Model(inputs, predictions),
        statistics,
        encodings.outputs,
        hidden,
    )


def count_parameters(
    config: Config, layout: Layout, label_statistics: dict[str, Statistics]
) -> int:
    """Returns the number of weights of a network, without memory for them.

    The arguments are those of `build`.
    """
    with unallocated_variables():
        network = build(config, layout, label_statistics)
        return int(network.logits.count_params())


def connect_inputs(layout: Layout) -> dict[str, Tensor]:
    """Returns the network's inputs, each `(B, columns)`, without the empty inputs."""
    return {
        name: keras.Input((layout.width(name),), dtype=dtype, name=name)
        for name, dtype in INPUT_TYPES.items()
        if layout.width(name)
    }
