"""Writes the `leaderboard.csv` of a sweep, a table with one row per job."""

import statistics
from pathlib import Path
from typing import Any

from mtl_cli.comparison.configurations import differing_keys, group_runs
from mtl_cli.comparison.csv_text import csv_text
from mtl_cli.comparison.find_runs import find_folders, natural_order
from mtl_cli.comparison.runs import Run, finite_number, read_run
from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.runs.job_records import JobRecord, jobs_that_never_began

LEADERBOARD = "leaderboard.csv"
COST_COLUMNS = ["parameters", "seconds", "samples_per_second", "best_epoch"]


def write_leaderboard(sweep: Path) -> Path:
    """Writes the leaderboard of all jobs that have started so far.

    The columns are `run`, the folder within the sweep; `status`; one column for each
    setting that differs between the jobs; `seed`; one column for each
    `SPLIT.TASK.METRIC`; `parameters`, the number of weights of the network; `seconds`,
    the duration of the whole run; `samples_per_second` in training; `best_epoch`; and
    `error`.

    Jobs that failed before they had a run folder come last. The file is replaced at
    once, so that other programs never read a half-written file.

    Returns: the path of the file.
    """
    folders = sorted(find_folders(sweep).runs, key=natural_order)
    runs = [read_run(folder) for folder in folders]
    keys = differing_keys(group_runs(runs))
    names = dict.fromkeys(name for run in runs for name in flat_scores(run))
    test_first = sorted(names, key=lambda name: not name.startswith("test."))
    headings = ["run", "status", *keys, "seed", *test_first, *COST_COLUMNS, "error"]
    rows: list[dict[str, Any]] = []
    for run in runs:
        row: dict[str, Any] = run.settings | flat_scores(run) | costs_of_run(run)
        row["run"] = run.path.relative_to(sweep).as_posix()
        row |= {"status": run.status, "seed": run.seed, "error": run.error or None}
        rows.append(row)
    rows += map(row_without_run, jobs_that_never_began(sweep))
    path = sweep / LEADERBOARD
    text = csv_text(headings, rows)
    write_text(path, text, "remove it, or free the space", errors="replace")
    return path


def row_without_run(record: JobRecord) -> dict[str, str]:
    """Returns the row of a job that failed before it had a run folder.

    The value of each setting of the job, `KEY=VALUE`, is in the column `KEY`. The
    choice of a config group, such as `model=ple`, is also in the column `model.name`.
    A setting that has no column is left out when the table is written.
    """
    row: dict[str, str] = {}
    for setting in record.settings:
        key, _, value = setting.lstrip("+").partition("=")
        row[key] = row[f"{key}.name"] = value
    error = mask_secrets(record.error)
    return row | {"run": record.name, "status": record.status, "error": error}


def flat_scores(run: Run) -> dict[str, float | None]:
    """Returns the metrics and counts in `metrics.json`: {SPLIT.TASK.METRIC: value}."""
    return {
        f"{split}.{task}.{metric}": run.value(split, task, metric)
        for split, tasks in run.metrics.items()
        for task, values in tasks.items()
        for metric, value in values.items()
        if value is None or isinstance(value, int | float)
    }


def costs_of_run(run: Run) -> dict[str, float | None]:
    """Returns the size, the speed and the best epoch of a run.

    Returns: {name of one of `COST_COLUMNS`: value, or None if it is unknown}.
    """
    history = run.history()
    rates = [finite_number(epoch.get("samples_per_second")) for epoch in history]
    # In runs of earlier versions, the first epoch includes the time of compiling. The
    # speed of the first epoch counts only if there is no other epoch.
    finite_rates = [rate for rate in rates[1:] or rates if rate is not None]
    # Without early stopping, the weights of the last epoch are kept.
    no_early_stopping = run.settings.get("trainer.patience") == "null"
    best_epochs = [
        finite_number(epoch.get("epoch"))
        for epoch in history
        if no_early_stopping or epoch.get("best") == "True"
    ]
    parameters = run.environment.get("parameters")
    return {
        "parameters": parameters if isinstance(parameters, int) else None,
        "seconds": run.seconds,
        "samples_per_second": statistics.median(finite_rates) if finite_rates else None,
        "best_epoch": int(best_epochs[-1]) if best_epochs and best_epochs[-1] else None,
    }
