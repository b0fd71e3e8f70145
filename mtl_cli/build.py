"""From a configuration to a Keras model: encoder, sharing, towers, heads."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from mtl_cli.config import Config
from mtl_cli.data.features import FeatureSpec
from mtl_cli.layers import ParallelDense, ParallelMLP
from mtl_cli.layers.heads import esmm


@dataclass(frozen=True)
class Network:
    """One graph of layers, seen at two ends.

    Attributes:
        logits: gives each output before its link, `(batch, 1)`; training reads it.
        predictions: gives probabilities and values, `(batch, 1)`; users read it.
    """

    logits: keras.Model
    predictions: keras.Model


def build(config: Config, spec: FeatureSpec) -> Network:
    """Builds the network that a configuration describes.

    Args:
        config: the run's configuration.
        spec: sizes of the encoded features.

    Returns: models from `{"ids": (B, F), "dense": (B, K)}` to `{output: (B, 1)}`.
    """
    model, tasks = config.model, config.chosen_tasks
    inputs = {}
    if spec.vocabulary_sizes:
        shape = (len(spec.vocabulary_sizes),)
        inputs["ids"] = keras.Input(shape, dtype="int32", name="ids")
    if spec.num_dense:
        inputs["dense"] = keras.Input((spec.num_dense,), name="dense")

    encodings = config.encoder.encode(
        inputs,
        list(spec.vocabulary_sizes.values()),
        model.num_encodings(len(tasks)),
        model.dense_options,
    )
    hidden = model.share(encodings, len(tasks))  # (T, B, H) or (B, H)
    widths = [task.tower_units for task in tasks.values()]
    logits = dict(zip(tasks, towers(hidden, widths, model), strict=True))
    if model.heads == "esmm":
        logits = esmm(logits, *config.funnel)

    links = {output.name: output.link for output in config.outputs}
    predictions = {
        name: ops.sigmoid(logit) if links[name] == "sigmoid" else logit
        for name, logit in logits.items()
    }
    return Network(keras.Model(inputs, logits), keras.Model(inputs, predictions))


def towers(hidden: Any, widths: list[list[int] | None], model: Any) -> list[Any]:
    """Connects a tower to each task's hidden vector; equal towers are batched.

    Args:
        hidden: `(T, batch, units)`, or `(batch, units)` if the same for all tasks.
        widths: each task's own widths, or None for the model's.
        model: the sharing scheme, which holds the options of dense layers.

    Returns: T logits `(batch, 1)`.
    """
    logits: dict[int, Any] = {}
    chosen = [model.tower_units if units is None else units for units in widths]
    for units in {tuple(units): None for units in chosen}:
        members = [t for t, own in enumerate(chosen) if tuple(own) == units]
        x = hidden
        if len(hidden.shape) == 3 and len(members) < len(chosen):
            x = ops.stack([hidden[t] for t in members])
        name = "towers_" + "_".join(map(str, members))
        x = ParallelMLP(len(members), units, name=name, **model.dense_options)(x)
        logit = ParallelDense(
            len(members),
            1,
            l2=model.l2,
            initializer=model.initializer,
            name=f"{name}_logits",
        )(x)
        logits |= {t: logit[i] for i, t in enumerate(members)}
    return [logits[t] for t in range(len(chosen))]
