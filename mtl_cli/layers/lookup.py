"""From a batch's ids and sequences to the features' vectors."""

from typing import Any, NamedTuple

from keras import ops

from mtl_cli.columns.layout import Layout
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.embedding import FusedEmbedding


class TableGroup(NamedTuple):
    """Embedding tables that lie one below the other in one weight."""

    layer: str  # the name of the `FusedEmbedding`
    dim: int
    frozen: bool
    sizes: dict[str, int]  # number of ids by table


def table_groups(layout: Layout, default_dim: Any) -> list[TableGroup]:
    """Groups tables of one width that are frozen or not.

    Args:
        layout: the layout of the features.
        default_dim: length of a vector where the feature names none; may be `auto`.
    """
    groups: dict[tuple[int, bool], dict[str, int]] = {}
    for name, table in layout.tables.items():
        dim = default_dim if table.dim is None else table.dim
        if dim == "auto":
            dim = int(6 * table.size**0.25)
        groups.setdefault((dim, table.frozen), {})[name] = table.size
    return [
        TableGroup(
            "embedding"
            if len(groups) == 1
            else f"embedding_{dim}{'_frozen' if frozen else ''}",
            dim,
            frozen,
            sizes,
        )
        for (dim, frozen), sizes in groups.items()
    ]


def look_up(
    inputs: dict[str, Tensor], layout: Layout, group: TableGroup, **options: Any
) -> Tensor:
    """Returns the vectors of all features whose tables lie in a group.

    Args:
        inputs: `ids` (B, F), `sequences` and `sequence_weights` (B, L).
        layout: the layout of the features.
        group: a group of tables.
        **options: of the `FusedEmbedding`.

    Returns: `(sets, B, features, dim)`: first the features with one id per row, then
        the sequences, pooled.
    """
    position: dict[str | None, int] = {t: i for i, t in enumerate(group.sizes)}
    id_tables = [b.table for b, _ in layout.blocks_of("ids") for _ in range(b.width)]
    chosen = [i for i, table in enumerate(id_tables) if table in position]
    sequences = [s for s in layout.blocks_of("sequences") if s[0].table in position]
    ids = []
    if chosen:
        whole = len(chosen) == len(id_tables)
        ids = [inputs["ids"] if whole else ops.take(inputs["ids"], chosen, axis=1)]
    ids += [inputs["sequences"][:, columns] for _, columns in sequences]
    tables = [id_tables[i] for i in chosen]
    tables += [block.table for block, _ in sequences for _ in range(block.width)]
    vectors = FusedEmbedding(
        list(group.sizes.values()),
        group.dim,
        [position[table] for table in tables],
        trainable=not group.frozen,
        **options,
    )(ids[0] if len(ids) == 1 else ops.concatenate(ids, axis=1))
    if not sequences:
        return vectors
    parts = [vectors[:, :, : len(chosen)]] if chosen else []
    start = len(chosen)
    for block, columns in sequences:
        stop = start + block.width
        weights = inputs["sequence_weights"][:, columns]
        parts.append(pooled(vectors[:, :, start:stop], weights, block.pooling))
        start = stop
    return ops.concatenate(parts, axis=2)


def pooled(vectors: Tensor, weights: Tensor, pooling: str | None) -> Tensor:
    """Returns one vector per row for a sequence; zeros for an empty sequence.

    Args:
        vectors: `(sets, B, L, dim)`.
        weights: `(B, L)`, factors of the vectors, 0 for padding. With pooling `mean`
            the weights of a row add up to 1.
        pooling: `mean`, `sum` or `max`.

    Returns: `(sets, B, 1, dim)`.
    """
    weights = weights[None, :, :, None]
    if pooling == "max":
        present = weights > 0
        lowest = ops.where(present, vectors, ops.full_like(vectors, -1e30))
        highest = ops.max(lowest, axis=2, keepdims=True)
        some = ops.any(present, axis=2, keepdims=True)
        return ops.where(some, highest, ops.zeros_like(highest))
    return ops.sum(vectors * weights, axis=2, keepdims=True)
