"""All features of a data set: together they encode rows as the network's inputs.

Each feature turns a row into a block of ids or numbers. The blocks of all features,
side by side, are the inputs of the network, see `INPUT_TYPES`.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import empty_cells
from mtl_cli.columns.fitters import Learnt
from mtl_cli.columns.layout import INPUT_TYPES, EmbeddingTable, Layout, join_blocks
from mtl_cli.columns.numeric import is_outside_range
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.tensors import check_shape
from mtl_cli.features.base import Array, Feature
from mtl_cli.graphs.base import InputKind


class FeatureSet:
    """Features in order, with what they have learnt from the training rows.

    Args:
        by_name: {name: feature}.
        learnt: {name: the JSON values that the feature has learnt}, such as its
            vocabulary or scale, see `Fitter.learnt`.
        constants: columns that have one value in all rows, as a table of one row. Rows
            to encode need not have these columns, and exported graphs do not read them.
    """

    def __init__(
        self,
        by_name: dict[str, Feature],
        learnt: Mapping[str, dict[str, Any]],
        constants: pa.Table | None = None,
    ) -> None:
        self.by_name = by_name
        self.learnt = {name: Learnt(values) for name, values in learnt.items()}
        self.constants = pa.table({}) if constants is None else constants

    def only(self, name: str) -> Self:
        """Returns a set that holds only the feature `name`.

        The set keeps what all features have learnt, because the feature may use the
        embedding table of another feature.
        """
        return type(self)({name: self.by_name[name]}, self.learnt, self.constants)

    def fill_constants(self, table: pa.Table) -> pa.Table:
        """Returns a table in which every row has the values of `constants`."""
        names = self.constants.column_names
        table = table.drop_columns([c for c in names if c in table.column_names])
        for name in names:
            cells = pa.repeat(self.constants[name][0], table.num_rows)
            table = table.append_column(name, cells)
        return table

    def learnt_of_table_owner(self, name: str) -> Learnt:
        """Returns what the owner of a feature's embedding table has learnt."""
        return self.learnt[self.by_name[name].table_owner(name)]

    def shares_table(self, name: str) -> bool:
        """Whether several features use the embedding table of a feature."""
        return self.table_users[self.by_name[name].table_owner(name)] > 1

    @cached_property
    def table_users(self) -> Counter[str]:
        """{feature that owns an embedding table: number of features that use it}."""
        return Counter(f.table_owner(name) for name, f in self.by_name.items())

    @cached_property
    def layout(self) -> Layout:
        """Each feature's columns in the inputs, and the embedding tables."""
        tables: dict[str, EmbeddingTable] = {}
        blocks = {}
        for name, feature in self.by_name.items():
            block = feature.block(name, self.learnt_of_table_owner(name))
            if block.input not in INPUT_TYPES:
                raise ConfigError(
                    f"dataset.features.{name}: the kind {feature.kind} fills the input "
                    f"{block.input!r}, but the inputs of a network are "
                    f"{', '.join(INPUT_TYPES)}"
                )
            blocks[name] = block
            if feature.table_owner(name) == name:
                table = feature.embedding_table(self.learnt[name])
                if table is not None:
                    tables[name] = table
        return Layout(tables, blocks)

    def encode(self, table: pa.Table) -> dict[str, Array]:
        """Encodes the rows of a table. The table may lack the columns of `constants`.

        Returns: {input of the network: (rows, width)}; an input that no feature fills
            is left out.
        """
        table = self.fill_constants(table)
        blocks = []
        for name, feature in self.by_name.items():
            values = feature.read(name, table)
            block = feature.encode(name, values, self.learnt_of_table_owner(name))
            for input_name, array in block.items():
                source = f"dataset.features.{name}: `encode` of kind {feature.kind}"
                source += f", {input_name},"
                width = self.layout.blocks[name].width_in(input_name)
                check_shape(source, array, (table.num_rows, width))
                table_name = self.layout.blocks[name].table
                if input_name in ("ids", "sequences") and table_name is not None:
                    check_ids(source, array, self.layout.tables[table_name].size)
                elif not np.isfinite(array).all():
                    raise ConfigError(f"{source} returns a value that is not finite")
            blocks.append(block)
        return join_blocks(
            blocks, lambda arrays, dtype: np.concatenate(arrays, axis=1, dtype=dtype)
        )

    @property
    def column_kinds(self) -> dict[str, InputKind]:
        """{column that a feature reads: the kind of its cells in an exported graph}.

        If some features read a column as text and others as numbers, its kind is text,
        because numbers can be read from text. Lists of texts win in the same way.
        """
        kinds: dict[str, InputKind] = {}
        for name, feature in self.by_name.items():
            for column, kind in feature.input_kinds(name).items():
                if kinds.get(column) not in ("text", "texts"):
                    kinds[column] = kind
        return kinds

    @property
    def input_kinds(self) -> dict[str, InputKind]:
        """The `column_kinds` of the columns that are inputs of an exported graph."""
        constants = self.constants.column_names
        return {c: kind for c, kind in self.column_kinds.items() if c not in constants}

    def unseen_and_all_rows(
        self, table: pa.Table, encoded: dict[str, Array]
    ) -> dict[str, tuple[Array, Array]]:
        """Finds the unseen values of the features whose kind has `reports_unseen`.

        Returns {feature: (the row number of each unseen value, the row number of each
        value)}. A row of a list feature has several values.

        An unseen value of a feature with a vocabulary has id 0, and its cell is not
        empty: the training rows do not hold the value, or hold it less than
        `min_count` times. An unseen number lies outside the range of the training rows.

        `table` holds the raw rows, with the columns of `constants`, and `encoded` the
        same rows, encoded.
        """
        unseen_rows = {}
        for name, feature in self.by_name.items():
            if not feature.reports_unseen:
                continue
            if feature.numeric:
                learnt = self.learnt[name]
                if not {"low", "high"} <= learnt.keys():  # a plugin's kind
                    continue
                numbers, rows = feature.read(name, table), np.arange(table.num_rows)
                is_unseen = is_outside_range(numbers, learnt)
            else:
                values, rows = self.all_values(encoded, name)
                is_unseen = (values == 0) & ~empty_rows(feature, name, table)[rows]
            unseen_rows[name] = rows[is_unseen], rows
        return unseen_rows

    def all_values(self, encoded: dict[str, Array], name: str) -> tuple[Array, Array]:
        """Returns the values of a feature, and their rows, see `Feature.all_values`."""
        input_names = [self.layout.blocks[name].input]
        if input_names == ["sequences"]:
            input_names = ["sequences", "sequence_weights"]
        columns = self.layout.columns[name]
        return self.by_name[name].all_values(
            {input_name: encoded[input_name][:, columns] for input_name in input_names}
        )

    def encoded_block(self, encoded: dict[str, Array], name: str) -> Array:
        """Returns the columns of encoded rows that a feature fills, (rows, width)."""
        input_name = self.layout.blocks[name].input
        return encoded[input_name][:, self.layout.columns[name]]

    def summary(self, encoded: dict[str, Array], name: str) -> Array:
        """Returns one number per row for a feature, (rows,)."""
        return self.by_name[name].summary(self.encoded_block(encoded, name))

    def value_names(self, values: Array, name: str) -> list[str] | None:
        """Returns the names of values that `summary` returned, if they have names."""
        learnt = self.learnt_of_table_owner(name)
        return self.by_name[name].value_names(values, learnt)


def empty_rows(feature: Feature, name: str, table: pa.Table) -> Array:
    """Returns a mask of the rows with an empty cell of a feature, (rows,).

    If the feature reads several columns, a row counts if any of its cells is empty: a
    cross gives such a row the id 0.
    """
    is_empty = np.zeros(table.num_rows, bool)
    for column in feature.source_columns(name):
        is_empty |= empty_cells(table[column])
    return is_empty


def check_ids(source: str, ids: Array, num_ids: int) -> None:
    """Refuses ids outside of their table: they would read vectors of other features."""
    if ids.size and not (ids.min() >= 0 and ids.max() < num_ids):
        raise ConfigError(
            f"{source} returns ids from {ids.min()} to {ids.max()}, but its table has "
            f"the ids 0 to {num_ids - 1}"
        )
