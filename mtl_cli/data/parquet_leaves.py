"""Finds the leaves of a Parquet file: the parts of columns that the file stores.

A column of single values or of lists is one leaf. A column of structs has a leaf for
each field. The path of a leaf is the name of its column. If the column is nested, the
path is longer: a column `tags` of lists has the leaf `tags.list.element`.
"""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet

from mtl_cli.columns.arrow_types import is_list


class TextLeaf(NamedTuple):
    """A leaf of texts, and its index among all leaves of the file or of its column."""

    column: str
    index_in_file: int
    index_in_column: int


def text_leaves(
    schema: pyarrow.parquet.ParquetSchema, arrow_schema: pa.Schema, columns: list[str]
) -> dict[str, TextLeaf]:
    """Returns {path: leaf} for the leaves of texts in the requested columns."""
    requested = set(columns)
    texts = {}
    first_index = 0  # of the column's leaves in the file
    # The column of a leaf is found by counting leaves. The path of the leaf does not
    # tell where the name of the column ends, because the name may hold dots too.
    for field in arrow_schema:
        num_column_leaves = num_leaves(field.type)
        for i in range(num_column_leaves if field.name in requested else 0):
            leaf = schema.column(first_index + i)
            is_bytes = leaf.physical_type == "BYTE_ARRAY"
            if is_bytes and leaf.logical_type.type != "DECIMAL":
                texts[leaf.path] = TextLeaf(field.name, first_index + i, i)
        first_index += num_column_leaves
    return texts


def num_leaves(dtype: pa.DataType) -> int:
    if isinstance(dtype, pa.BaseExtensionType):
        return num_leaves(dtype.storage_type)
    return sum(map(num_leaves, part_types(dtype))) or 1


def has_nested_dictionary(dtype: pa.DataType) -> bool:
    """Whether a part of a column, such as the values of its lists, is a dictionary."""
    if isinstance(dtype, pa.BaseExtensionType):
        return has_nested_dictionary(dtype.storage_type)
    return any(
        pa.types.is_dictionary(part) or has_nested_dictionary(part)
        for part in part_types(dtype)
    )


def part_types(dtype: pa.DataType) -> list[pa.DataType]:
    return [dtype.field(i).type for i in range(dtype.num_fields)]


def leaf_arrays(column: pa.Array) -> list[pa.Array]:
    """Returns the values of each leaf of a column, in the order of the file."""
    dtype = column.type
    if isinstance(dtype, pa.BaseExtensionType):
        return leaf_arrays(column.storage)
    if pa.types.is_map(dtype):
        return [*leaf_arrays(column.keys), *leaf_arrays(column.items)]
    if pa.types.is_struct(dtype):
        fields = [column.field(i) for i in range(dtype.num_fields)]
        return [leaf for field in fields for leaf in leaf_arrays(field)]
    return leaf_arrays(column.values) if is_list(dtype) else [column]
