"""The kinds of values: whole numbers, decimals, times, text and others."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_whole

Kind = Literal["text", "boolean", "whole", "decimal", "time", "list", "empty", "other"]
NUMBER = r"^-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
# {kind: pattern}. The first pattern that fits all values of a text column decides. A
# number with a leading zero is a code: 007 is not 7.
TEXT_PATTERNS: dict[Kind, str] = {
    "whole": r"^-?(0|[1-9][0-9]*)$",
    "decimal": NUMBER,
    "time": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
    r"(Z| ?UTC|[-+][0-9]{2}(:?[0-9]{2})?)?)?$",
}


def kind_of_values(arrow_type: pa.DataType, values: pa.Array) -> Kind:
    """Returns the kind of distinct values of a type; "empty" if there are none."""
    types = pa.types
    if not len(values):
        return "empty"
    if types.is_boolean(arrow_type):
        return "boolean"
    if is_whole(arrow_type):
        return "whole"
    if types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return "decimal"
    if types.is_timestamp(arrow_type) or types.is_date(arrow_type):
        return "time"
    if not types.is_string(arrow_type):
        return "other"
    for kind, pattern in TEXT_PATTERNS.items():
        if matches(values, pattern).all():
            return kind
    return "text"


def matches(values: pa.Array, pattern: str) -> npt.NDArray[Any]:
    """Returns whether each value contains a match of the pattern: bool (values,)."""
    return np.asarray(pc.match_substring_regex(values, pattern))
