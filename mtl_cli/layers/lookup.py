"""Looks up the vectors of a batch's ids and sequences in embedding tables."""

from typing import Any, Literal, NamedTuple

from keras import ops

from mtl_cli.columns.layout import Layout
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.embedding import FusedEmbedding


class TableGroup(NamedTuple):
    """Embedding tables that are stored as one weight, one below the other.

    Attributes:
        layer: name of the `FusedEmbedding` layer.
        dim: length of a vector.
        frozen: whether training leaves the tables as they are.
        sizes: {table: number of ids}, in the order of the weight's rows.
    """

    layer: str
    dim: int
    frozen: bool
    sizes: dict[str, int]


def table_groups(
    layout: Layout, default_dim: int | Literal["auto"]
) -> list[TableGroup]:
    """Groups the tables with the same length of vectors, frozen tables apart.

    Args:
        layout: the layout of the features.
        default_dim: the encoder's `embedding_dim`.
    """
    groups: dict[tuple[int, bool], dict[str, int]] = {}
    for name, table in layout.tables.items():
        dim = table.vector_length(default_dim)
        groups.setdefault((dim, table.frozen), {})[name] = table.size

    def layer_name(dim: int, frozen: bool) -> str:
        if len(groups) == 1:
            return "embedding"
        return f"embedding_{dim}_frozen" if frozen else f"embedding_{dim}"

    return [
        TableGroup(layer_name(dim, frozen), dim, frozen, sizes)
        for (dim, frozen), sizes in groups.items()
    ]


def look_up(
    inputs: dict[str, Tensor], layout: Layout, group: TableGroup, **options: Any
) -> Tensor:
    """Returns the vectors of all features whose tables are in a group.

    Args:
        inputs: the network's inputs: `ids` (B, F), `sequences` and `sequence_weights`
            (B, L).
        layout: the layout of the features.
        group: the group of tables.
        **options: arguments of the `FusedEmbedding` layer.

    Returns: `(sets, B, features, dim)`: first the features with one id per row, then
        the sequences, pooled.
    """
    table_numbers: dict[str | None, int] = {t: i for i, t in enumerate(group.sizes)}
    id_tables = [b.table for b, _ in layout.blocks_of("ids") for _ in range(b.width)]
    id_columns = [i for i, table in enumerate(id_tables) if table in table_numbers]
    sequences = [
        (block, columns)
        for block, columns in layout.blocks_of("sequences")
        if block.table in table_numbers
    ]
    ids = []
    if len(id_columns) == len(id_tables) > 0:
        ids = [inputs["ids"]]
    elif id_columns:
        ids = [ops.take(inputs["ids"], id_columns, axis=1)]
    ids += [inputs["sequences"][:, columns] for _, columns in sequences]
    tables = [id_tables[i] for i in id_columns]
    tables += [block.table for block, _ in sequences for _ in range(block.width)]
    vectors = FusedEmbedding(
        list(group.sizes.values()),
        group.dim,
        [table_numbers[table] for table in tables],
        trainable=not group.frozen,
        **options,
    )(ids[0] if len(ids) == 1 else ops.concatenate(ids, axis=1))
    if not sequences:
        return vectors
    stop = len(id_columns)
    vectors_by_block = [vectors[:, :, :stop]] if id_columns else []
    for block, columns in sequences:
        start, stop = stop, stop + block.width
        weights = inputs["sequence_weights"][:, columns]
        vectors_by_block.append(pool(vectors[:, :, start:stop], weights, block.pooling))
    return ops.concatenate(vectors_by_block, axis=2)


def pool(vectors: Tensor, weights: Tensor, pooling: str | None) -> Tensor:
    """Returns one vector for each row's sequence; zeros for an empty sequence.

    Args:
        vectors: `(sets, B, L, dim)`, the vectors of the sequences.
        weights: `(B, L)`, factors of the vectors, 0 for padding. For pooling `mean`
            the weights of a row add up to 1.
        pooling: `mean`, `sum` or `max`.

    Returns: `(sets, B, 1, dim)`.
    """
    weights = weights[None, :, :, None]
    if pooling != "max":
        return ops.sum(vectors * weights, axis=2, keepdims=True)
    is_present = weights > 0
    present = ops.where(is_present, vectors, ops.full_like(vectors, -1e30))
    highest = ops.max(present, axis=2, keepdims=True)
    has_any = ops.any(is_present, axis=2, keepdims=True)
    return ops.where(has_any, highest, ops.zeros_like(highest))
