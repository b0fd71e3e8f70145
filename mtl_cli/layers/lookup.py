"""From a batch's ids and sequences to the features' vectors."""

from typing import Any, NamedTuple

from keras import ops

from mtl_cli.columns.layout import FeatureSpec, SequenceSpec
from mtl_cli.layers.embedding import FusedEmbedding


class TableGroup(NamedTuple):
    """Embedding tables that lie in one weight."""

    layer: str  # the name of the `FusedEmbedding`
    dim: int
    frozen: bool
    tables: list[str]


def table_groups(spec: FeatureSpec, default_dim: Any) -> list[TableGroup]:
    """Returns which tables lie together: those of one width, frozen or not.

    Args:
        spec: of the features.
        default_dim: length of a vector where the feature has no own; may be `auto`.
    """
    groups: dict[tuple[int, bool], list[str]] = {}
    for name, table in spec.tables.items():
        dim = default_dim if table.dim is None else table.dim
        if dim == "auto":
            dim = int(6 * table.size**0.25)
        groups.setdefault((dim, table.frozen), []).append(name)
    return [
        TableGroup(
            "embedding"
            if len(groups) == 1
            else f"embedding_{dim}{'_frozen' if frozen else ''}",
            dim,
            frozen,
            names,
        )
        for (dim, frozen), names in groups.items()
    ]


def look_up(
    inputs: dict[str, Any], spec: FeatureSpec, group: TableGroup, **options: Any
) -> Any:
    """Returns the vectors of all features whose tables lie in a group.

    Args:
        inputs: `ids` (B, F), `sequences` and `sequence_weights` (B, L).
        spec: of the features.
        group: of tables.
        **options: of the `FusedEmbedding`.

    Returns: `(sets, B, features, dim)`: those with one id a row, then sequences,
        pooled.
    """
    place = {name: i for i, name in enumerate(group.tables)}
    mine = [f for f, table in enumerate(spec.ids) if table in place]
    columns, parts = [place[spec.ids[f]] for f in mine], []
    if mine:
        ids = inputs["ids"]
        parts.append(ids if len(mine) == len(spec.ids) else ops.take(ids, mine, axis=1))
    spans = []
    start = 0
    for sequence in spec.sequences:
        stop = start + sequence.max_length
        if sequence.table in place:
            spans.append((sequence, slice(start, stop), len(columns)))
            parts.append(inputs["sequences"][:, start:stop])
            columns += [place[sequence.table]] * sequence.max_length
        start = stop
    ids = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
    sizes = [spec.tables[name].size for name in group.tables]
    vectors = FusedEmbedding(
        sizes, group.dim, columns, trainable=not group.frozen, **options
    )(ids)
    if not spans:
        return vectors
    found = [vectors[:, :, : len(mine)]] if mine else []
    for sequence, span, first in spans:
        values = vectors[:, :, first : first + sequence.max_length]
        found.append(pooled(values, inputs["sequence_weights"][:, span], sequence))
    return ops.concatenate(found, axis=2)


def pooled(vectors: Any, weights: Any, sequence: SequenceSpec) -> Any:
    """Returns one vector a row of a sequence's; zeros for an empty one.

    Args:
        vectors: `(sets, B, L, dim)`.
        weights: `(B, L)`, how much each counts, 0 for padding; those of pooling
            `mean` add up to 1.
        sequence: how to pool.

    Returns: `(sets, B, 1, dim)`.
    """
    weights = weights[None, :, :, None]
    if sequence.pooling == "max":
        present = weights > 0
        lowest = ops.where(present, vectors, ops.full_like(vectors, -1e30))
        highest = ops.max(lowest, axis=2, keepdims=True)
        some = ops.any(present, axis=2, keepdims=True)
        return ops.where(some, highest, ops.zeros_like(highest))
    return ops.sum(vectors * weights, axis=2, keepdims=True)
