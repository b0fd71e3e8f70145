"""The manifest of the export format `weights`: what each array holds."""

import itertools
from typing import Any

from mtl_cli.exports._weights_tensors import describe_tensors
from mtl_cli.features._graph import encodes_otherwise
from mtl_cli.network.trained_model import TrainedModel


def describe_model(model: TrainedModel) -> dict[str, Any]:
    """Describes a model, with its configuration and the statistics of its labels."""
    return {
        "tensors": describe_tensors(model),
        "features": describe_features(model),
        "encoding": describe_encoding(model),
        "labels": model.network.label_statistics,
        "config": model.config.model_dump(mode="json"),
    }


def describe_features(model: TrainedModel) -> dict[str, dict[str, Any]]:
    """Describes how each feature is encoded: {feature: description}.

    A description does not repeat the kind and the keys of the feature: the
    configuration holds them. The keys of a description:

    - `input`: the input of the network that the feature fills.
    - `columns`: [first column, column after the last] in that input.
    - `ramps`: [first column, column after the last] in the input `dense`, for a
      feature that fills columns there in addition to its ids; null for other features.
    - `numbers`: how the columns in the input `dense` are computed from x, the number in
      the cell, and the keys of `learnt`; null without such columns, and for a kind of a
      plugin that does not describe them.
    - `table`: the feature whose embedding table this feature uses; null without ids.
    - `learnt`: the values that the feature learnt from the training rows, such as
      `vocabulary`. The first text of a vocabulary has the id 1.
    """
    features = model.features
    layout = features.layout
    ramps = {
        name: [columns.start, columns.stop]
        for name, columns in layout.columns_in("dense").items()
        if layout.blocks[name].ramps
    }
    return {
        name: {
            "input": layout.blocks[name].input,
            "columns": [layout.columns[name].start, layout.columns[name].stop],
            "ramps": ramps.get(name),
            "numbers": None
            if encodes_otherwise(feature, "numbers_text")
            else feature.numbers_text(features.learnt[name]) or None,
            "table": layout.blocks[name].table,
            "learnt": features.learnt[name],
        }
        for name, feature in features.by_name.items()
    }


def describe_encoding(model: TrainedModel) -> list[dict[str, Any]]:
    """Describes x, the embeddings and numbers of a row that lie side by side.

    The encoder reads x. Without deep layers and interactions, x is the encoding.

    Returns: the blocks of columns of x in order. A block has the keys `feature`;
        `input`, the input of the network that the block is computed from; and `width`,
        the number of its columns.
    """
    layout = model.features.layout
    columns = model.config.encoder.columns(layout)
    num_vector_columns = len(columns) - layout.width("dense")  # embeddings come first
    blocks = []
    for names, is_dense in (
        (columns[:num_vector_columns], False),
        (columns[num_vector_columns:], True),
    ):
        for feature, group in itertools.groupby(names):
            input_name = "dense" if is_dense else layout.blocks[feature].input
            width = len(list(group))
            blocks.append({"feature": feature, "input": input_name, "width": width})
    return blocks
