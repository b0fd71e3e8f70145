"""Parquet and Feather files of types, shapes and bytes that nobody expects."""

import datetime
import decimal
import io
from collections.abc import Callable
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from fuzzing.tables import ANY, BROKEN, ROWS, SAME, Case, Columns, damaged

NUMBERS = {"age", "price", "rate", "click", "buy", "seconds", "weight"}
TIME = datetime.datetime(2026, 1, 2, 3, 4, 5)
TYPES: list[tuple[pa.DataType, Any]] = [
    (pa.list_(pa.int64()), [1, 2]),
    (pa.list_(pa.list_(pa.string())), [["a"], []]),
    (pa.large_list(pa.string()), ["a"]),
    (pa.list_(pa.float32(), 2), [1.0, 2.0]),
    (pa.struct([("a", pa.int8())]), {"a": 1}),
    (pa.map_(pa.string(), pa.int32()), [("a", 1)]),
    (pa.decimal128(9, 2), decimal.Decimal("1.00")),
    (pa.decimal256(60, 2), decimal.Decimal("1.00")),
    (pa.timestamp("us"), TIME),
    (pa.timestamp("ns", "Europe/Berlin"), TIME),
    (pa.date32(), TIME.date()),
    (pa.time64("us"), TIME.time()),
    (pa.duration("s"), datetime.timedelta(seconds=1)),
    (pa.binary(), b"\xff"),
    (pa.binary(2), b"ab"),
    (pa.large_string(), "1"),
    (pa.string_view(), "1"),
    (pa.binary_view(), b"1"),
    (pa.bool_(), True),
    (pa.null(), None),
    (pa.int8(), 1),
    (pa.uint64(), 2**64 - 1),
    (pa.float16(), 1.0),
    (pa.float64(), float("nan")),
    (pa.float64(), float("inf")),
    (pa.dictionary(pa.int8(), pa.string()), "1"),
    (pa.dictionary(pa.int32(), pa.int64()), 1),
    (pa.dictionary(pa.int8(), pa.float32()), 1.0),
    (pa.dictionary(pa.int8(), pa.timestamp("s")), TIME),
]


def typed(columns: Columns) -> pa.Table:
    """A valid table with the types that its columns mean."""
    arrays = {}
    for name, cells in columns.items():
        filled = [cell or None for cell in cells]
        kind = pa.float64() if name in NUMBERS else pa.string()
        kind = pa.int64() if name in ("user", "stars") else kind
        arrays[name] = pa.array(filled, pa.string()).cast(kind)
    return pa.table(arrays)


def written(rng: Random, table: pa.Table, **options: Any) -> tuple[str, bytes]:
    """The ending and the content of a file of a table."""
    sink = io.BytesIO()
    if rng.random() < 0.6:
        pyarrow.parquet.write_table(table, sink, **options)
        return ".parquet", sink.getvalue()
    compression = rng.choice([None, "lz4", "zstd"])
    settings = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(sink, table.schema, options=settings) as writer:
        writer.write_table(table, max_chunksize=options.get("row_group_size"))
    return ".feather", sink.getvalue()


def other_type(rng: Random, columns: Columns) -> Case:
    table = typed(columns)
    kind, value = rng.choice(TYPES)
    values = [value if rng.random() < 0.8 else None for _ in range(ROWS)]
    index = rng.randrange(table.num_columns)
    try:
        column = pa.array(values, kind)
        changed = table.set_column(index, table.column_names[index], column)
        return *written(rng, changed), ANY
    except pa.ArrowException:  # Arrow cannot write such a file.
        return *written(rng, table), SAME


def same_values(rng: Random, columns: Columns) -> Case:
    table = typed(columns)
    for name in ("city", "mood", "tags"):
        index = table.column_names.index(name)
        kind = rng.choice([pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
        table = table.set_column(index, name, table[name].cast(kind))
    table = table.select(rng.sample(table.column_names, table.num_columns))
    table = table.replace_schema_metadata({b"pandas": rng.randbytes(9)})
    parts = [table.slice(0, 0), table.slice(0, 5), table.slice(5, 0), table.slice(5)]
    return *written(rng, pa.concat_tables(parts), row_group_size=5), SAME


def empty_groups(rng: Random, columns: Columns) -> Case:
    table, sink = typed(columns), io.BytesIO()
    with pyarrow.parquet.ParquetWriter(sink, table.schema) as writer:
        for part in (table.slice(0, 0), table.slice(0, 7), table[0:0], table.slice(7)):
            writer.write_table(part)
    return ".parquet", sink.getvalue(), SAME


def wrong_value(rng: Random, columns: Columns) -> Case:
    table = typed(columns)
    name, value = rng.choice(
        [
            *[("age", None), ("age", float("nan")), ("age", float("inf"))],
            *[("click", 2.0), ("click", float("inf")), ("buy", -1.0), ("buy", 0.5)],
            *[("seconds", float("-inf")), ("seconds", -1.0), ("seconds", 1e300)],
            *[("weight", None), ("weight", float("nan")), ("stars", 4)],
        ]
    )
    values = table[name].to_pylist()
    values[rng.randrange(ROWS)] = value
    index = table.column_names.index(name)
    changed = table.set_column(index, name, pa.array(values, table[name].type))
    return *written(rng, changed), BROKEN


def wrong_shape(rng: Random, columns: Columns) -> Case:
    table = typed(columns)
    names = table.column_names
    index = rng.randrange(len(names))
    change = rng.randrange(4)
    if change == 0:
        table = table.slice(0, 0)
    elif change == 1:
        table = table.drop_columns([names[index]])
    elif change == 2:
        table = table.rename_columns([*names[:index], "x", *names[index + 1 :]])
    else:
        table = table.append_column(names[index], table.column(index))
    return *written(rng, table), BROKEN


def cut_short(rng: Random, columns: Columns) -> Case:
    ending, content = written(rng, typed(columns))
    return ending, content[: rng.randrange(len(content))], BROKEN


def damaged_file(rng: Random, columns: Columns) -> Case:
    ending, content = written(rng, typed(columns))
    if rng.random() < 0.5:  # The end holds the types of the columns.
        index = int(len(content) * rng.uniform(0.5, 1))
        return ending, content[:index] + damaged(rng, content[index:]), ANY
    return ending, damaged(rng, content), ANY


def other_ending(rng: Random, columns: Columns) -> Case:
    _, content = written(rng, typed(columns))
    return rng.choice([".csv", ".tsv", ".csv.gz", ".csv.zst"]), content, BROKEN


ARROW: list[Callable[[Random, Columns], Case]] = [
    *[other_type, other_type, other_type, same_values, empty_groups, wrong_value],
    *[wrong_shape, cut_short, damaged_file, damaged_file, damaged_file, other_ending],
]
