"""Functions that say what the cells of a column hold: numbers, text, ids or lists."""

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.core.errors import DataError


def is_number(arrow_type: pa.DataType) -> bool:
    """Whether an Arrow type holds numbers or booleans."""
    return bool(
        pa.types.is_integer(arrow_type)
        or pa.types.is_floating(arrow_type)
        or pa.types.is_boolean(arrow_type)
        or pa.types.is_decimal(arrow_type)
    )


def is_text(arrow_type: pa.DataType) -> bool:
    """Whether an Arrow type holds text. String views are not included."""
    return bool(pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type))


def is_id(arrow_type: pa.DataType) -> bool:
    """Whether an Arrow type holds whole numbers, booleans, text or only empty cells."""
    if pa.types.is_dictionary(arrow_type):
        return is_id(arrow_type.value_type)
    return bool(
        pa.types.is_integer(arrow_type)
        or pa.types.is_boolean(arrow_type)
        or is_text(arrow_type)
        or pa.types.is_string_view(arrow_type)
        or pa.types.is_null(arrow_type)
    )


def is_list(arrow_type: pa.DataType) -> bool:
    """Whether an Arrow type holds lists."""
    return bool(
        pa.types.is_list(arrow_type)
        or pa.types.is_large_list(arrow_type)
        or pa.types.is_fixed_size_list(arrow_type)
    )


def check_single_values(message_start: str, column: pa.ChunkedArray) -> None:
    """Refuses a column of lists or structs for a setting that needs a single value.

    Args:
        message_start: the setting and the column, for the error message.
        column: the column to check.

    Raises:
        DataError: if `unusable_type` says so.
    """
    if unusable := unusable_type(column):
        raise DataError(
            f"{message_start}: needs a number or a word in each row, but the column "
            f"holds {unusable}; name another column"
        )


def unusable_type(column: pa.ChunkedArray) -> str:
    """Returns what a column holds if a cell is no number, text or time; else "".

    Arrow can neither compare nor print the values of some types, such as structs and
    uuids. Times are also unusable if Python has no such date or time zone.
    """
    arrow_type = column.type
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    if (
        pa.types.is_nested(arrow_type)
        or pa.types.is_interval(arrow_type)
        or pa.types.is_run_end_encoded(arrow_type)
        or isinstance(arrow_type, pa.BaseExtensionType)
    ):
        return str(arrow_type)
    if pa.types.is_temporal(arrow_type):
        count_type = pa.int32() if arrow_type.bit_width == 32 else pa.int64()
        counts = column.cast(arrow_type).cast(count_type)  # of days or seconds
        ends = [n for n in pc.min_max(counts).as_py().values() if n is not None]
        # The 0 finds an unknown time zone if all cells are empty.
        times = pa.array([0, *ends], count_type).cast(arrow_type)
        try:
            times.cast(pa.string())
            times.to_pylist()
        except (pa.ArrowException, ArithmeticError, LookupError, ValueError):
            return f"{arrow_type} with an unknown time zone or a date out of range"
    return ""
