"""Finds out whether runs were scored on the same rows of a split.

`predictions.Rows.are_same` compares the rows on which a task is scored.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from mtl_cli.comparison.configurations import ONLY_SCENARIO, Configuration
from mtl_cli.comparison.run_settings import as_text
from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError
from mtl_cli.core.option_classes import option_class
from mtl_cli.core.prediction_names import (
    GROUP,
    PREDICTION_ENDING,
    ROW,
    SCENARIO,
    spread_name,
    weight_name,
)
from mtl_cli.data.dataset import Dataset
from mtl_cli.heads.base import Heads
from mtl_cli.runs.predictions_file import read_predictions
from mtl_cli.tasks._metrics import metrics_named

if TYPE_CHECKING:
    import pyarrow as pa

# The keys of `dataset` that choose the rows of each split.
SPLIT_KEYS = (
    "split_by",
    "split_column",
    "split_seed",
    "valid_fraction",
    "valid_from",
    "test_fraction",
)
# The keys of a task that choose its labels, the rows that have labels, and the weights
# of these rows. `dataset.weight_column` weighs the rows of all tasks.
LABEL_KEYS = ("label", "positive", "space", "sampling_rate")
# The key of `environment.json` that `mtl-evaluate` adds, see `validation_fingerprint`.
VALID_ROWS = "valid_rows"


def runs_have_same_rows(runs: Collection[Run], split: str, task: str) -> bool:
    """Whether all runs were scored on the same rows of a split, labels and weights.

    Runs with equal data and equal settings of the split and of the task's labels were.
    If these differ, the test rows can still be the same, for example if all runs read
    the same test file. So the row numbers, labels and weights in the runs'
    `predictions.parquet` are compared. The file contains test rows only, so other rows
    of these runs count as different.

    A run on a single scenario is compared with a run on all scenarios by the rows of
    this scenario. Runs on two single scenarios have no rows in common.
    """
    scenarios = {run.settings.get(ONLY_SCENARIO, "null") for run in runs}
    if len(scenarios - {"null"}) > 1:
        return False
    labels = label_settings(runs, task)
    runs_by_split: dict[tuple[object, ...], list[Run]] = {}
    for run, labels_of_run in zip(runs, labels, strict=True):
        # If the hash is missing, the data count as different from the data of other
        # runs.
        data = run.environment.get("data_hash") or run.path
        key = data, *split_settings(run), *labels_of_run
        runs_by_split.setdefault(key, []).append(run)
    if len(runs_by_split) < 2:
        return True
    if split != "test":
        return False
    first, *others = map(read_test_rows, runs_by_split.values())
    return all(have_equal_test_rows(first, rows) for rows in others)


def split_settings(run: Run) -> tuple[str, ...]:
    """Returns the values of `SPLIT_KEYS`; a key that is not set has its default."""
    defaults = split_defaults()
    if run.settings.get("dataset.valid", "null") != "null":
        # A data set with a validation file takes no validation rows from elsewhere.
        defaults = {**defaults, "valid_fraction": "0"}
    return tuple(
        run.settings.get(f"dataset.{key}", defaults[key]) for key in SPLIT_KEYS
    )


@cache
def split_defaults() -> dict[str, str]:
    return {key: as_text(Dataset.model_fields[key].default) for key in SPLIT_KEYS}


def label_settings(runs: Collection[Run], task: str) -> list[list[tuple[str, str]]]:
    """Returns the settings of each run that choose a task's labels and their weights.

    These are [(key, value)] for each run. If the heads of any run link the tasks, the
    settings of all tasks count, because another task's rate may weigh the rows.
    """
    heads = {run.settings.get("model.heads", "independent") for run in runs}
    section = f"dataset.tasks.{task}." if heads == {"independent"} else "dataset.tasks."
    own_rate = f"dataset.tasks.{task}.sampling_rate"
    # Each key is looked at once, not once for each run: there may be many runs.
    keys = sorted(
        key
        for key in set().union(*(run.settings for run in runs))
        if key == "dataset.weight_column"
        or (key.startswith(section) and key.rpartition(".")[2] in LABEL_KEYS)
    )
    settings_by_run = []
    for run in runs:
        settings = [(key, run.settings[key]) for key in keys if key in run.settings]
        other_rates = {
            value
            for key, value in settings
            if key.endswith(".sampling_rate") and key != own_rate
        }
        if other_rates - {"1"}:
            settings.append(("model.heads", choice_of_rates(run)))
        settings_by_run.append(settings)
    return settings_by_run


def choice_of_rates(run: Run) -> str:
    """Names how a run's heads choose the `sampling_rate` that weighs a task's rows.

    Heads choose it by their method `outputs`: some by the task's own rate, others by
    the rate of the first step. The heads of a plugin that is not loaded are named
    themselves.
    """
    heads = run.settings.get("model.heads", "independent")
    with suppress(KeyError, ConfigError):
        return option_class("heads", heads, Heads).outputs.__qualname__
    return heads


def validation_fingerprint(run: Run) -> list[str]:
    """Returns texts that identify the validation rows of a run.

    These are the path of the validation file, or else the hash of the data and the
    split settings. A copy of a run by `mtl-evaluate` has other test rows, and so
    another hash, but the same validation rows. Therefore the `environment.json` of a
    copy records the texts of the original run.
    """
    recorded_texts = run.environment.get(VALID_ROWS)
    if isinstance(recorded_texts, list):
        return [str(text) for text in recorded_texts]
    file = run.settings.get("dataset.valid", "null")
    if file != "null":
        return [file]
    return [str(run.environment.get("data_hash")), *split_settings(run)]


def have_same_validation_rows(configurations: list[Configuration], task: str) -> bool:
    """Whether a task's validation rows, labels and weights are the same in all runs.

    A validation file may have changed, so the counts of rows must be equal too.
    """
    distinct_rows: set[tuple[object, ...]] = set()
    runs = [run for c in configurations for run in c.runs.values()]
    for run, labels in zip(runs, label_settings(runs, task), strict=True):
        if score := run.score("valid", task):
            counts = str(score.get("rows")), str(score.get("positives"))
            scenario = run.settings.get(ONLY_SCENARIO, "null")
            rows = *validation_fingerprint(run), scenario, *counts
            distinct_rows.add((*rows, *labels))
    return len(distinct_rows) < 2


def metric_settings(
    settings: Mapping[str, str], task: str, metric: str
) -> tuple[str | None, ...]:
    """Returns the settings that change a metric of a task, but not its rows.

    Such a setting determines the ranks of classes, or the groups of rows. Two runs with
    other values of these settings are not compared by this metric.
    """
    metrics = metrics_named(metric)
    keys = []
    if any(metric.ordered for metric in metrics):
        keys.append(f"dataset.tasks.{task}.classes")
    if any(metric.grouped for metric in metrics):
        keys.append("dataset.group_column")
    return tuple(map(settings.get, keys))


def read_test_rows(runs: list[Run]) -> "pa.Table | None":
    """Reads the row numbers, labels and weights of the test rows of some runs.

    The runs were scored on the same rows, so the first `predictions.parquet` that can
    be read is used. Returns None if no file can be read.
    """
    import pyarrow as pa

    def choose(names: list[str]) -> list[str]:
        predicted = [name for name in names if name.endswith(PREDICTION_ENDING)]
        outputs = {name.removesuffix(PREDICTION_ENDING) for name in predicted}
        # A label may be called `click_std` too.
        spreads = {spread_name(output) for output in outputs} - outputs
        left_out = {SCENARIO, GROUP, *predicted, *spreads}
        return [name for name in names if name not in left_out]

    for run in runs:
        try:
            table = read_predictions(run.path, choose)
            names = table.column_names
            return pa.table({name: as_text_or_floats(table[name]) for name in names})
        except DAMAGED_FILE_ERRORS:
            continue
    return None


def as_text_or_floats(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Converts names of classes to text, and all other columns to float64.

    Two versions of mtl-cli or pandas may write a column with different types.
    """
    import pyarrow as pa

    kind = column.type
    is_name = pa.types.is_dictionary(kind) or pa.types.is_large_string(kind)
    is_text = is_name or pa.types.is_string(kind)
    return column.cast("string" if is_text else "float64")


def have_equal_test_rows(a: "pa.Table | None", b: "pa.Table | None") -> bool:
    """Whether two results of `read_test_rows` are of the same rows.

    Labels that only one of the two has are not compared. Without row numbers in both,
    the rows count as different. So do rows that have weights in only one of the two:
    in the other, each row of a label counts once.
    """
    if a is None or b is None:
        return False
    common = [name for name in a.column_names if name in b.column_names]
    only_in_one = {*a.column_names} ^ {*b.column_names}
    if any(weight_name(label) in only_in_one for label in common):
        return False
    return ROW in common and bool(a.select(common).equals(b.select(common)))
