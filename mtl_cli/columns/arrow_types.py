"""Functions that say whether an Arrow type holds numbers, text, ids or lists."""

import pyarrow as pa

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


def check_not_nested(message_start: str, column: pa.ChunkedArray) -> None:
    """Refuses a column of lists or structs for a setting that needs a single value.

    Args:
        message_start: the setting and the column, for the error message.
        column: the column to check.

    Raises:
        DataError: if the column's type is nested.
    """
    if pa.types.is_nested(column.type):
        raise DataError(
            f"{message_start}: needs a number or a word in each row, but the column "
            f"holds {column.type}; name another column"
        )
