"""From a configuration to a Keras model: encoder, sharing, towers, heads."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import keras

from mtl_cli.columns.layout import INPUT_TYPES, Layout
from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import connect_towers

if TYPE_CHECKING:
    from mtl_cli.network.predictor import Predictor

# Weights are float32 in both.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@dataclass(frozen=True)
class Network:
    """A network in two forms, which share all layers and weights.

    Attributes:
        logits: the model that is trained: for each output, the logits `(batch, 1)`, or
            `(batch, classes)`.
        predictions: the model for users: for each output, probabilities or values.
        labels: for each task with standardised labels, their mean and deviation.
    """

    logits: keras.Model
    predictions: keras.Model
    labels: dict[str, dict[str, float]] = field(default_factory=dict)

    @cached_property
    def predict(self) -> "Predictor":
        """The function from a table of rows to predictions; traced once."""
        from mtl_cli.network.predictor import Predictor

        return Predictor(self.predictions)


def build(
    config: Config, layout: Layout, labels: dict[str, dict[str, float]] | None = None
) -> Network:
    """Builds the network that a configuration describes.

    Args:
        config: the run's configuration.
        layout: the places of the features in the inputs.
        labels: for each task with standardised labels, their mean and deviation.

    Returns: models from `{"ids": (B, F), "dense": (B, K), ...}` to `{output: (B, 1)}`,
        or `(B, classes)`.
    """
    keras.config.set_dtype_policy(POLICIES[config.trainer.precision])
    model, tasks, labels = config.model, config.chosen_tasks, labels or {}
    inputs = inputs_of(layout)
    encodings = config.encoder.encode(
        inputs, layout, model.num_encodings(len(tasks)), model.dense_options
    )
    hidden = model.share(encodings, len(tasks))  # (T, B, H) or (B, H)
    tower_units = [
        model.tower_units if task.tower_units is None else task.tower_units
        for task in tasks.values()
    ]
    towers = connect_towers(
        hidden,
        tower_units,
        [task.num_logits for task in tasks.values()],
        **model.dense_options,
    )
    logits = dict(zip(tasks, towers, strict=True))
    logits = model.heads_option.connect(logits, tasks)
    predictions = {
        output.name: output.task.predictions(
            logits[output.name], labels.get(output.label, {})
        )
        for output in config.outputs
    }
    return Network(
        keras.Model(inputs, logits), keras.Model(inputs, predictions), labels
    )


def inputs_of(layout: Layout) -> dict[str, Tensor]:
    """Returns the inputs that features fill."""
    return {
        name: keras.Input((layout.width(name),), dtype=dtype, name=name)
        for name, dtype in INPUT_TYPES.items()
        if layout.width(name)
    }
