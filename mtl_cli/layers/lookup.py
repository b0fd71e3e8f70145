"""Looks up the vectors of a batch's ids and sequences, and puts them side by side."""

from typing import Any, Literal, NamedTuple

from keras import ops

from mtl_cli.columns.layout import Layout
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.embedding import FusedEmbedding
from mtl_cli.layers.pooling import pool_sequences


class TableGroup(NamedTuple):
    """Embedding tables that one `FusedEmbedding` layer stores in one weight.

    `dim` is the length of a vector, and `sizes` is {table: number of ids}, in the order
    in which the weight holds the tables.
    """

    layer: str
    dim: int
    frozen: bool
    sizes: dict[str, int]

    @property
    def rows_by_table(self) -> dict[str, slice]:
        """{table: its rows in the weight}: the tables lie one below the other."""
        rows_by_table = {}
        start = 0
        for table, size in self.sizes.items():
            rows_by_table[table] = slice(start, start + size)
            start += size
        return rows_by_table


def table_groups(
    layout: Layout, default_dim: int | Literal["auto"]
) -> list[TableGroup]:
    """Groups the tables by the length of their vectors, and by whether they are frozen.

    Tables without a length of their own have the length `default_dim`.
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
    inputs: dict[str, Tensor],
    layout: Layout,
    group: TableGroup,
    attention_options: dict[str, Any] | None = None,
    **options: Any,
) -> Tensor:
    """Looks up all features whose tables are in a group, in one layer of the network.

    `inputs` are the network's inputs, and `options` are arguments of `FusedEmbedding`.
    For `attention_options`, see `pool_sequences`.

    Returns: the vectors, `(sets, batch, features, dim)`; `sets` is the number of
        vectors of each id. The features with one id per row come first, then one pooled
        vector per sequence.
    """
    tables_of_ids: list[str | None] = []  # the table that each column of `ids` reads
    for block in layout.blocks.values():
        tables_of_ids += [block.table] * block.width_in("ids")
    columns_of_group = [
        i for i, table in enumerate(tables_of_ids) if table in group.sizes
    ]
    sequences = {
        feature: block
        for feature, block in layout.blocks.items()
        if block.input == "sequences" and block.table in group.sizes
    }
    # All ids to look up, and the table that each of their columns reads.
    ids = []
    table_of_column = [tables_of_ids[i] for i in columns_of_group]
    if columns_of_group and len(columns_of_group) == len(tables_of_ids):
        ids = [inputs["ids"]]  # nothing is copied
    elif columns_of_group:
        ids = [ops.take(inputs["ids"], columns_of_group, axis=1)]
    for feature, block in sequences.items():
        ids.append(inputs["sequences"][:, layout.columns[feature]])
        table_of_column += [block.table] * block.width
    table_index: dict[str | None, int] = {t: i for i, t in enumerate(group.sizes)}
    embedding = FusedEmbedding(
        list(group.sizes.values()),
        group.dim,
        table_of_column=[table_index[table] for table in table_of_column],
        trainable=not group.frozen,
        **options,
    )
    all_ids = ids[0] if len(ids) == 1 else ops.concatenate(ids, axis=1)
    vectors = embedding(all_ids)  # (sets, batch, columns, dim)
    if not sequences:
        return vectors
    return pool_sequences(
        vectors, inputs, layout, columns_of_group, sequences, attention_options
    )


def concatenate_columns(embeddings: list[Tensor], dense: list[Tensor]) -> Tensor:
    """Concatenates the embeddings and the dense features of each row.

    The embeddings are `(batch, features, length)` for each group of tables, the dense
    features and the result are `(batch, columns)`.
    """
    flat = [ops.reshape(e, (-1, e.shape[-2] * e.shape[-1])) for e in embeddings]
    tensors = flat + dense
    return tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=-1)


def feature_of_each_column(
    layout: Layout, default_dim: int | Literal["auto"]
) -> list[str]:
    """Returns the feature of each column of the result of `concatenate_columns`."""
    features: list[str] = []
    for group in table_groups(layout, default_dim):
        for input_name in ("ids", "sequences"):  # in the order of `look_up`
            for feature, block in layout.blocks.items():
                if block.input == input_name and block.table in group.sizes:
                    # A sequence is pooled into one vector.
                    num_vectors = block.width if input_name == "ids" else 1
                    features += [feature] * (num_vectors * group.dim)
    for feature, block in layout.blocks.items():
        features += [feature] * block.width_in("dense")
    return features


def split_embeddings(x: Tensor, groups: list[Tensor]) -> list[Tensor]:
    """Splits the embeddings in x into groups: the reverse of `concatenate_columns`.

    `groups` are tensors of the shapes to return, `(batch, features, length)`.
    """
    embeddings = []
    start = 0
    for group in groups:
        _, num_features, length = group.shape
        stop = start + num_features * length
        embeddings.append(ops.reshape(x[:, start:stop], (-1, num_features, length)))
        start = stop
    return embeddings
