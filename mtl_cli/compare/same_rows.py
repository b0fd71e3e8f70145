"""Whether two configurations were scored on the same rows."""

import numpy as np

from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.row_tests import Floats
from mtl_cli.compare.runs import Run

SPLITTING = ["split_by", "split_column", "split_seed"]
SPLITTING += ["valid_fraction", "valid_from", "test_fraction"]


def same_rows(one: Configuration, other: Configuration, split: str) -> bool:
    """Returns whether all runs of two configurations were scored on the same rows.

    Runs of the same data and splits were. Of others only `predictions.parquet` can
    tell, which holds test rows: a test file of its own is not split.

    Args:
        one: with its runs.
        other: likewise.
        split: that was scored.
    """
    every = [*one.runs.values(), *other.runs.values()]
    runs = {(run.environment.get("data_hash"), splitting(run)): run for run in every}
    if len(runs) < 2:
        return True
    if split != "test":
        return False
    first, *others = (rows_of(run) for run in runs.values())
    return all(equal(first, rows) for rows in others)


def splitting(run: Run) -> tuple[str | None, ...]:
    """Returns the settings that choose the rows of each split."""
    return tuple(run.settings.get(f"dataset.{key}") for key in SPLITTING)


def rows_of(run: Run) -> dict[str, Floats]:
    """Reads numbers and labels of the test rows, each (rows,); empty if it cannot."""
    import pyarrow.parquet

    path = run.path / "predictions.parquet"
    try:
        names = pyarrow.parquet.read_schema(path).names
        kept = [name for name in names if not name.endswith("_prediction")]
        table = pyarrow.parquet.read_table(path, columns=kept)
        return {name: table[name].to_numpy().astype("float64") for name in kept}
    except (OSError, ValueError, TypeError, KeyError, pyarrow.ArrowException):
        return {}


def equal(a: dict[str, Floats], b: dict[str, Floats]) -> bool:
    """Returns whether rows have the same numbers, and the same labels of both."""
    return "row" in a.keys() & b.keys() and all(
        np.array_equal(a[name], b[name], equal_nan=True) for name in a.keys() & b.keys()
    )
