"""The fields of structs as columns: `user.age` is the field `age` of the column `user`.

Avro, Protocol Buffers and JSON become such columns in Parquet files. A field of a
struct in a struct is a column too, such as `user.home.city`. Lists of structs stay as
they are.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from mtl_cli.data.columnar_file import ColumnarFile

Rows = TypeVar("Rows", pa.RecordBatch, pa.Table)

# The index of a field in its struct, and of this struct in its own, from outside in.
FieldPath = tuple[int, ...]


def with_struct_columns(file: ColumnarFile) -> ColumnarFile:
    """Adds a column for each field of the structs of a file."""
    fields = struct_fields(file.schema)
    if not fields:
        return file
    schema = file.schema
    for name, (column, path) in fields.items():
        schema = schema.append(pa.field(name, type_of_field(schema, column, path)))

    def batches(columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
        requested = {name: fields[name] for name in columns if name in fields}
        in_file = [requested[c][0] if c in requested else c for c in columns]
        for batch in file.batches(list(dict.fromkeys(in_file)), max_rows):
            yield add_fields(batch, requested)

    return ColumnarFile(schema, file.num_rows, batches)


def with_struct_columns_in_memory(table: pa.Table) -> pa.Table:
    """Adds a column for each field of the structs of a table."""
    return add_fields(table, struct_fields(table.schema))


def add_fields(rows: Rows, fields: dict[str, tuple[str, FieldPath]]) -> Rows:
    for name, (column, path) in fields.items():
        rows = rows.append_column(name, pc.struct_field(rows[column], path))
    return rows


def struct_fields(schema: pa.Schema) -> dict[str, tuple[str, FieldPath]]:
    """Returns {name of a new column: (column with the struct, path of the field)}.

    A field is left out if a column of the table has its name.

    >>> home = pa.struct({"city": pa.string()})
    >>> user = pa.struct({"age": pa.int64(), "home": home})
    >>> struct_fields(pa.schema({"user": user}))
    {'user.age': ('user', (0,)), 'user.home.city': ('user', (1, 0))}
    """
    fields: dict[str, tuple[str, FieldPath]] = {}
    counts = Counter(schema.names)
    for column in schema:
        # If a table has two columns of one name, no other module reads either.
        if counts[column.name] == 1:
            for name, path in paths_of_fields(column.name, column.type):
                if name not in counts:
                    fields.setdefault(name, (column.name, path))
    return fields


def paths_of_fields(name: str, dtype: pa.DataType) -> Iterator[tuple[str, FieldPath]]:
    """Yields the name and the path of each field of a struct that is no struct."""
    if not types.is_struct(dtype):
        return
    for i, field in enumerate(dtype):
        field_name = f"{name}.{field.name}"
        if types.is_struct(field.type):
            for inner_name, path in paths_of_fields(field_name, field.type):
                yield inner_name, (i, *path)
        else:
            yield field_name, (i,)


def type_of_field(schema: pa.Schema, column: str, path: FieldPath) -> pa.DataType:
    dtype = schema.field(column).type
    for index in path:
        dtype = dtype.field(index).type
    return dtype
