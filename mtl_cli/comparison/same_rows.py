"""Finds out whether runs were scored on the same rows."""

import numpy as np

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.run_settings import as_text
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.written_labels import label_numbers
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.data.dataset import Dataset
from mtl_cli.metrics.metric import Floats
from mtl_cli.runs.predictions_file import SCENARIO, read_predictions

SPLIT_KEYS = (
    "split_by",
    "split_column",
    "split_seed",
    "valid_fraction",
    "valid_from",
    "test_fraction",
)


# The key of `environment.json` of an evaluated run, see `validation_rows`.
VALID_ROWS = "valid_rows"


def same_rows(a: Configuration, b: Configuration, split: str) -> bool:
    """Returns whether all runs of two configurations were scored on the same rows.

    Runs with equal data and equal split settings were scored on the same rows. Other
    runs may still share a separate test file, so the test rows in their
    `predictions.parquet` are compared. There is no such file of training and validation
    rows, so these rows count as different.

    Args:
        a: the first configuration.
        b: the second configuration.
        split: the split that was scored.
    """
    runs_by_split: dict[tuple[object, ...], list[Run]] = {}
    for run in (*a.runs.values(), *b.runs.values()):
        data = run.environment.get("data_hash") or run.path  # unknown data is unique
        runs_by_split.setdefault((data, *split_settings(run)), []).append(run)
    if len(runs_by_split) < 2:
        return True
    if split != "test":
        return False
    first, *others = map(read_test_rows, runs_by_split.values())
    return all(equal_rows(first, rows) for rows in others)


def split_settings(run: Run) -> tuple[str, ...]:
    """Returns the settings that choose the rows of each split.

    A key that the data set's YAML left out has its default.
    """
    defaults = {key: as_text(Dataset.model_fields[key].default) for key in SPLIT_KEYS}
    if run.settings.get("dataset.valid", "null") != "null":
        defaults["valid_fraction"] = "0"
    return tuple(
        run.settings.get(f"dataset.{key}", defaults[key]) for key in SPLIT_KEYS
    )


def validation_rows(run: Run) -> list[str]:
    """Returns texts that are equal for runs with the same validation rows.

    The texts are the validation file, or else the hash of the data and the settings of
    the split. `mtl-evaluate` replaces the test rows of a run, and so its data.
    Therefore the `environment.json` of an evaluated run records the texts of the
    original run.
    """
    recorded = run.environment.get(VALID_ROWS)
    if isinstance(recorded, list):
        return [str(text) for text in recorded]
    file = run.settings.get("dataset.valid", "null")
    if file != "null":
        return [file]
    return [str(run.environment.get("data_hash")), *split_settings(run)]


def same_validation_rows(configurations: list[Configuration], task: str) -> bool:
    """Returns whether all runs of some configurations have the same validation rows.

    A validation file may have changed between two runs, so the numbers of rows and of
    positive labels must be equal too.
    """
    rows = set()
    for configuration in configurations:
        for run in configuration.runs.values():
            if score := run.score("valid", task):
                counts = str(score.get("rows")), str(score.get("positives"))
                rows.add((*validation_rows(run), *counts))
    return len(rows) < 2


def read_test_rows(runs: list[Run]) -> dict[str, Floats]:
    """Returns row numbers and labels of the test rows, by column name.

    Args:
        runs: runs that were scored on the same rows. The first readable
            `predictions.parquet` counts; {} if there is none.
    """
    for run in runs:
        try:
            table = read_predictions(run.path, without_predictions)
            return {
                name: label_numbers(run, name, table[name])
                for name in table.column_names
            }
        except DAMAGED_FILE_ERRORS:
            continue
    return {}


def without_predictions(names: list[str]) -> list[str]:
    """Returns the names of the columns that hold row numbers and labels."""
    others = [name for name in names if not name.endswith("_prediction")]
    return [name for name in others if name != SCENARIO]


def equal_rows(a: dict[str, Floats], b: dict[str, Floats]) -> bool:
    """Returns whether two sets of rows have equal numbers and equal common labels."""
    common = a.keys() & b.keys()
    return "row" in common and all(
        np.array_equal(a[name], b[name], equal_nan=True) for name in common
    )
