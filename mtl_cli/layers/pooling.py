"""Pools the vectors of each sequence into one vector per row."""

from typing import Any

from keras import ops

from mtl_cli.columns.layout import Block, Layout
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.target_attention import TargetAttention


def pool_sequences(
    vectors: Tensor,
    inputs: dict[str, Tensor],
    layout: Layout,
    id_columns: list[int],
    sequences: dict[str, Block],
    attention_options: dict[str, Any] | None,
) -> Tensor:
    """Pools the vectors of each sequence, and keeps all other vectors.

    Unknown values of a sequence have id 0. If training does not change the vector of id
    0 (see `EmbeddingTable.trains_unknown`), unknown values do not count.

    Args:
        vectors: the vectors of the `id_columns`, then the vectors of each sequence,
            `(sets, batch, columns, dim)`.
        inputs: the inputs of the network.
        layout: the columns of each feature in the inputs.
        id_columns: the columns of the input `ids` whose vectors are in `vectors`.
        sequences: {feature: block} of the sequences whose vectors are in `vectors`.
        attention_options: arguments of `TargetAttention`; None to take the mean where
            the block asks for an attention.

    Returns: the vectors of the `id_columns`, then a vector for each sequence, `(sets,
        batch, features, dim)`.
    """
    stop = len(id_columns)
    pooled_vectors = [vectors[:, :, :stop]] if stop else []
    for feature, block in sequences.items():
        start, stop = stop, stop + block.width
        values = vectors[:, :, start:stop]
        weights = sequence_weights(inputs, layout, feature)
        if block.pooling == "attention" and attention_options is not None:
            target = id_columns.index(layout.columns[str(block.table)].start)
            attention = TargetAttention(
                num_sets=vectors.shape[0],
                name=attention_name(feature, layout),
                **attention_options,
            )
            targets = vectors[:, :, target : target + 1]
            pooled_vectors.append(attention(values, targets, weights))
        else:
            pooled_vectors.append(pool(values, weights, block.pooling))
    return ops.concatenate(pooled_vectors, axis=2)


def sequence_weights(inputs: dict[str, Tensor], layout: Layout, feature: str) -> Tensor:
    """Returns the weight of each value of a sequence, 0 where it does not count."""
    columns = layout.columns[feature]
    weights = inputs["sequence_weights"][:, columns]
    if layout.tables[str(layout.blocks[feature].table)].trains_unknown:
        return weights
    return ops.where(inputs["sequences"][:, columns] > 0, weights, 0.0)


def attention_name(feature: str, layout: Layout) -> str:
    """Returns the name of a sequence's attention: Keras refuses some feature names."""
    return f"attention_{list(layout.blocks).index(feature)}"


def attending_feature(layer: TargetAttention, layout: Layout) -> str:
    """Returns the sequence that a layer with an `attention_name` pools."""
    return list(layout.blocks)[int(layer.name.removeprefix("attention_"))]


def pool(vectors: Tensor, weights: Tensor, pooling: str | None) -> Tensor:
    """Pools the vectors of each row's sequence into one vector.

    `pooling` is `mean`, `sum` or `max`; `attention` is pooled as `mean` is.
    The maximum is over all vectors with a weight above 0, whatever the weight. The
    vectors are `(sets, batch, length, dim)`, the weights `(batch, length)`, the result
    `(sets, batch, 1, dim)`; zeros for an empty sequence.
    """
    if pooling in ("mean", "attention"):
        total = ops.sum(weights, axis=1, keepdims=True)
        weights = weights / ops.where(total > 0, total, 1.0)
    weights = weights[None, :, :, None]
    if pooling != "max":
        return ops.sum(vectors * weights, axis=2, keepdims=True)
    is_present = weights > 0
    # -1e30 is below every value of an embedding, so it never is the maximum.
    present = ops.where(is_present, vectors, ops.full_like(vectors, -1e30))
    highest = ops.max(present, axis=2, keepdims=True)
    is_filled = ops.any(is_present, axis=2, keepdims=True)
    return ops.where(is_filled, highest, ops.zeros_like(highest))
