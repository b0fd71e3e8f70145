"""Says which kind of values an Arrow type holds: numbers, text, ids or lists."""

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from mtl_cli.core.errors import first_line


def is_number(arrow_type: pa.DataType) -> bool:
    """Whether an Arrow type holds numbers or booleans."""
    checks = types.is_integer, types.is_floating, types.is_boolean, types.is_decimal
    return any(check(arrow_type) for check in checks)


def is_text(arrow_type: pa.DataType) -> bool:
    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type))


def is_whole(arrow_type: pa.DataType) -> bool:
    """Whether a type holds only whole numbers: integers, or decimals without fractions.

    For example, Spark writes unsigned integers of 64 bits as decimal128(20, 0).
    """
    is_decimal = types.is_decimal(arrow_type)
    return bool(types.is_integer(arrow_type) or (is_decimal and arrow_type.scale == 0))


def is_id(arrow_type: pa.DataType) -> bool:
    checks = is_whole, is_text, types.is_boolean, types.is_null
    return any(check(arrow_type) for check in checks)


def is_list(arrow_type: pa.DataType) -> bool:
    checks = types.is_list, types.is_large_list, types.is_fixed_size_list
    return any(check(arrow_type) for check in checks)


def value_type(arrow_type: pa.DataType) -> pa.DataType:
    return arrow_type.value_type if types.is_dictionary(arrow_type) else arrow_type


def plain_type(arrow_type: pa.DataType) -> pa.DataType:
    """Returns the type that a column is converted to when it is read.

    Dictionaries become their values. Views of texts or bytes become texts or bytes, and
    short decimals become long decimals, because Arrow lacks functions for these types.
    The values of lists are converted in the same way.
    """
    if types.is_dictionary(arrow_type):
        return plain_type(arrow_type.value_type)
    if types.is_string_view(arrow_type):
        return pa.large_string()
    if types.is_binary_view(arrow_type):
        return pa.large_binary()
    if types.is_decimal32(arrow_type) or types.is_decimal64(arrow_type):
        return pa.decimal128(arrow_type.precision, arrow_type.scale)
    if types.is_large_list(arrow_type):
        return pa.large_list(plain_type(arrow_type.value_type))
    if types.is_fixed_size_list(arrow_type):
        return pa.list_(plain_type(arrow_type.value_type), arrow_type.list_size)
    if types.is_list(arrow_type):
        return pa.list_(plain_type(arrow_type.value_type))
    return arrow_type


def common_type(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """Returns a type for both columns, if two files store a column in different types.

    - Both types are text: text.
    - Both are integers, and int64 can hold their values: int64.
    - One is null, the type of a column without values: the other type.
    - Both are lists: lists of the common type of their values.
    - Else None.
    """
    if first == second:
        return first
    if types.is_null(first) or types.is_null(second):
        return second if types.is_null(first) else first
    if is_text(first) and is_text(second):
        return pa.large_string()
    if is_list(first) and is_list(second):
        if types.is_fixed_size_list(first) or types.is_fixed_size_list(second):
            return None
        values = common_type(first.value_type, second.value_type)
        return None if values is None else pa.large_list(values)
    are_integers = types.is_integer(first) and types.is_integer(second)
    # Int64 cannot hold all values of uint64.
    return pa.int64() if are_integers and pa.uint64() not in (first, second) else None


def with_plain_type(column: pa.ChunkedArray) -> pa.ChunkedArray:
    dtype = plain_type(column.type)
    if not types.is_dictionary(column.type):
        return column.cast(dtype)
    # Arrow cannot cast dictionaries of lists, and cannot look up string views.
    chunks = [x.dictionary.cast(dtype).take(x.indices) for x in column.chunks]
    return pa.chunked_array(chunks, dtype)


def with_plain_types(table: pa.Table) -> pa.Table:
    """Converts each column to its plain type.

    Raises an `ArrowInvalid` that names the column if its cells are damaged, because
    Arrow may crash on them later, or if Arrow cannot convert them.
    """
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.validate(full=True)
            columns[name] = with_plain_type(column)
        except pa.ArrowException as error:
            raise pa.ArrowInvalid(f"column '{name}': {first_line(error)}") from None
    return pa.table(columns)


def as_whole_numbers(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns dates or times as whole numbers, in the unit of their type."""
    # Arrow casts a type of 32 bits to int32, but not to int64.
    return times.cast(pa.int32() if times.type.bit_width == 32 else pa.int64())


def nearest_float64(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Converts each number of a column to the nearest float64.

    Arrow's own cast does not round decimals to the nearest number: 0.35 may become
    0.35000000000000003. The cast of a text does, so decimals are cast through text.
    """
    if types.is_decimal(column.type):
        column = pc.cast(column, pa.large_string())
    return pc.cast(column, pa.float64(), safe=False)


def unusable_type(column: pa.ChunkedArray) -> str:
    """Returns the type of a column if Arrow cannot compare or print its values.

    Such types are, for example, lists, structs and uuids. Returns "" for other types.
    """
    arrow_type = value_type(column.type)
    checks = types.is_nested, types.is_interval, types.is_run_end_encoded
    is_extension = isinstance(arrow_type, pa.BaseExtensionType)
    if is_extension or any(check(arrow_type) for check in checks):
        return str(arrow_type)
    if not are_printable_times(column):
        return f"{arrow_type} with an unknown time zone or a date out of range"
    return ""


def are_printable_times(column: pa.ChunkedArray) -> bool:
    """Whether Arrow and Python can convert all dates or times of a column to text.

    Python must know the time zone, and all dates must be in Python's range.
    """
    arrow_type = value_type(column.type)
    # Arrow counts intervals, such as one month and two days, as temporal.
    if not types.is_temporal(arrow_type) or types.is_interval(arrow_type):
        return True
    counts = as_whole_numbers(column.cast(arrow_type))
    extremes = [n for n in pc.min_max(counts).as_py().values() if n is not None]
    # Arrow looks up the time zone only when it converts a time. The added time 0 makes
    # Arrow look it up even if all cells are empty.
    times = pa.array([0, *extremes], counts.type).cast(arrow_type)
    try:
        times.cast(pa.string())
        times.to_pylist()
    except (pa.ArrowException, ArithmeticError, LookupError, ValueError):
        return False
    return True
