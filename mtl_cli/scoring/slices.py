"""Slices of a table by the values of a column, and the weakest slices of a task."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DataError, printable
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.scoring.scored_rows import ScoredRows, metric_with_interval
from mtl_cli.statistics.significance import LEVEL, holm, z_test

MIN_ROWS = 100  # of a value; rarer values become the slice `OTHER`
MAX_SLICES = 20  # of a column, `OTHER` included
MIN_OF_CLASS = 20  # rows of each class in a slice that is tested
# A column of more distinct numbers is cut into this many ranges with equally many rows.
MAX_DISTINCT_NUMBERS = 20
NUM_RANGES = 5
# The keys of a slice's results; a result is None where it is undefined.
RESULT_KEYS = (
    "positives",
    "value",
    "low",
    "high",
    "rest",
    "difference",
    "p",
    "p_corrected",
    "surely_weaker",
    "predicted",
    "actual",
    "ratio",
    "error",
)
OTHER, EMPTY = "(other)", "(empty)"


@dataclass(frozen=True)
class Slices:
    """The slices by one column.

    Attributes:
        column: the column.
        names: the names of the slices.
        codes: the position of each row's slice in `names`, (rows,).
    """

    column: str
    names: list[str]
    codes: Array


def slices_by(column: str, cells: pa.ChunkedArray, are_ids: bool) -> Slices:
    """Returns the slices by the values, or by ranges of the numbers, of a column.

    Values with fewer than 100 rows, and all after the 19 most frequent, are merged.

    Args:
        column: the name of the column.
        cells: its cells.
        are_ids: whether numbers in the column are ids. Ids have no ranges.

    Raises:
        DataError: if the cells are lists or structures.
    """
    if pa.types.is_nested(cells.type):
        raise DataError(
            f"--by: column '{column}' holds {cells.type}; name a column with one value "
            "in each cell"
        )
    empty = empty_cells(cells)
    numbers = None if are_ids else as_numbers(cells, empty)
    if numbers is not None and len(np.unique(numbers[~empty])) > MAX_DISTINCT_NUMBERS:
        names, codes = ranges(numbers, empty)
    else:
        names, codes = values(cells, empty)
    frequent, codes = frequent_values(codes)
    return named_slices(column, [names[i] for i in frequent], codes)


def slices_by_feature(features: FeatureSet, encoded: dict[str, Array]) -> list[Slices]:
    """Returns the slices by each feature whose encoded values have names.

    A feature whose rows are all in one slice is left out.

    Args:
        features: the fitted features.
        encoded: the encoded rows, {input of the network: (rows, width)}.
    """
    found = []
    for name, feature in features.features.items():
        values = feature.summary(features.columns_in(encoded, name))
        distinct, codes = np.unique(values, return_inverse=True)
        frequent, codes = frequent_values(codes)
        learnt = features.table_learnt(name)
        names = feature.value_names(distinct[frequent], learnt)
        if names and (codes != codes[0]).any():
            found.append(named_slices(name, [printable(x) for x in names], codes))
    return found


def frequent_values(codes: Array) -> tuple[Array, Array]:
    """Returns the values that become slices, and the slice of each row.

    All other values become one slice more.

    Args:
        codes: the number of each row's value, from 0, (rows,).

    Returns: the numbers of the values, ascending, (slices,); and the position of each
        row's value among these, `slices` for other values, (rows,).
    """
    counts = np.bincount(codes)
    frequent = np.argsort(-counts, kind="stable")[: MAX_SLICES - 1]
    frequent = np.sort(frequent[counts[frequent] >= MIN_ROWS])
    position = np.full(len(counts), len(frequent))
    position[frequent] = np.arange(len(frequent))
    return frequent, position[codes]


def named_slices(column: str, names: list[str], codes: Array) -> Slices:
    """Returns slices; rows whose code is no position in the names are `OTHER`."""
    other = [OTHER] if (codes == len(names)).any() else []
    return Slices(column, names + other, codes)


def as_numbers(cells: pa.ChunkedArray, empty: Array) -> Array | None:
    """Returns cells as float64, 0 where empty; None if they are no numbers."""
    kind = cells.type
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
        or pa.types.is_temporal(kind)
    ):
        return None
    try:
        numbers = pa.compute.fill_null(cells.cast(pa.float64(), safe=False), 0.0)
    except pa.ArrowException:  # text that is no number
        return None
    return np.where(empty, 0.0, numbers.to_numpy())


def ranges(numbers: Array, empty: Array) -> tuple[list[str], Array]:
    """Returns the names of ranges with equally many rows, and each row's range."""
    filled = numbers[~empty]
    shares = np.linspace(0, 1, NUM_RANGES + 1)[1:-1]
    # The edges are values of the column: between infinite values lies no number.
    edges = np.unique(np.quantile(filled, shares, method="lower"))
    shown = [f"{edge:.6g}" for edge in edges]
    if len(set(shown)) < len(shown):  # such as times in seconds
        shown = [f"{edge:.17g}" for edge in edges]
    names = [f"up to {shown[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(shown)]
    names += [f"above {shown[-1]}", EMPTY]
    codes = np.searchsorted(edges, numbers, side="left")
    codes[empty] = len(edges) + 1
    present = np.bincount(codes, minlength=len(names)) > 0
    position = np.cumsum(present) - 1
    return [n for n, p in zip(names, present, strict=True) if p], position[codes]


def values(cells: pa.ChunkedArray, empty: Array) -> tuple[list[str], Array]:
    """Returns the distinct values as text, sorted, and each row's value."""
    encoded = cells.combine_chunks().dictionary_encode(null_encoding="encode")
    raw = encoded.dictionary.to_pylist()
    texts = [EMPTY if x is None or x != x else printable(str(x)) for x in raw]
    order = sorted(range(len(raw)), key=lambda i: sort_key(raw[i]))
    position = {t: i for i, t in enumerate(dict.fromkeys(texts[i] for i in order))}
    codes = np.array([position[t] for t in texts])[np.asarray(encoded.indices)]
    if empty.any():  # an empty text counts as empty too
        codes[empty] = position.setdefault(EMPTY, len(position))
    return list(position), codes


def sort_key(value: object) -> tuple[bool, float, str]:
    """Returns a key that sorts numbers by size, and other values as text, last."""
    if isinstance(value, int | float) and value == value:
        return False, float(value), ""
    return True, 0.0, str(value)


def score_slices(
    outputs: list[ScoredRows], slices: list[Slices]
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Scores each output on each slice, and finds the weakest slice of each output.

    The main metric of a slice is tested against the same metric of all other rows, if
    the slice is one value or range and has 20 rows of each class. The p-values of an
    output are corrected for the number of its tested slices (Holm).

    Returns: one row per column, slice and output; {output: the rows of its tested
        slices, the weakest first}. Slices that are surely weaker come before others.
    """
    records, weakest = [], {}
    for rows in outputs:
        of_output = [
            slice_record(rows, by, code)
            for by in slices
            for code in range(len(by.names))
        ]
        tested = [record for record in of_output if record["p"] is not None]
        corrected = holm([record["p"] for record in tested]) if tested else []
        sign = rows.main_metric.direction or 1
        for record, p in zip(tested, corrected, strict=True):
            is_weaker = sign * record["difference"] < 0 and p < LEVEL
            record |= {"p_corrected": p, "surely_weaker": bool(is_weaker)}

        def weakness(record: dict[str, Any], sign: int = sign) -> tuple[bool, float]:
            return not record["surely_weaker"], sign * record["difference"]

        weakest[rows.output.name] = sorted(tested, key=weakness)
        records += of_output
    return records, weakest


def slice_record(rows: ScoredRows, by: Slices, code: int) -> dict[str, Any]:
    """Returns an output's scores on one slice, and the test against all other rows."""
    inside = by.codes[rows.rows] == code
    inside_rows, outside_rows = rows.take(inside), rows.take(~inside)
    name = rows.main_metric.name
    record: dict[str, Any] = {
        "column": by.column,
        "slice": by.names[code],
        "task": rows.output.name,
        "metric": name,
        "rows": len(inside_rows.label),
        **dict.fromkeys(RESULT_KEYS),
    }
    score = inside_rows.score()
    record["positives"] = score.get("positives")
    record["why"] = "; ".join(f"{k}: {v}" for k, v in score.get("why", {}).items())
    record["metrics"] = {
        k: score[k] for k in rows.output.task.metric_names if k in score
    }
    calibration = inside_rows.calibration()
    if calibration is None:
        return record
    record |= {key: x for key, x in calibration.items() if key != "buckets"}
    metric = metric_with_interval(inside_rows, name, score.get(name))
    record |= {key: metric[key] for key in ("value", "low", "high")}
    if by.names[code] != OTHER and inside_rows.smaller_class >= MIN_OF_CLASS:
        record |= test_against(inside_rows, outside_rows, name, record["value"])
    return record


def test_against(
    inside: ScoredRows, outside: ScoredRows, name: str, value: float | None
) -> dict[str, Any]:
    """Tests a metric on some rows against the same metric on all other rows.

    Returns: {} if the metric has no value on either, or no known error.
    """
    other = outside.score([name])[name]
    if value is None or other is None:
        return {}
    error, other_error = inside.error(name), outside.error(name)
    if error is None or other_error is None:
        return {}
    deviation = float(np.hypot(error.deviation, other_error.deviation))
    test = z_test(value - other, deviation)
    return {"rest": other, "difference": test.difference, "p": test.p}
