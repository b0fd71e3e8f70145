"""`leaderboard.csv` of a sweep: one tidy row per job, for pandas."""

import csv
import io
import os
import statistics
from pathlib import Path
from typing import Any

from mtl_cli.comparison.configurations import differing_keys, group_runs
from mtl_cli.comparison.find_runs import find_run_folders, natural_order
from mtl_cli.comparison.runs import Run, finite_number, read_run
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.runs.job_records import JobRecord, jobs_without_run_folder

LEADERBOARD = "leaderboard.csv"
COST_COLUMNS = ["parameters", "seconds", "samples_per_second", "best_epoch"]


def write_leaderboard(sweep: Path) -> Path:
    """Writes the leaderboard of all jobs that have started so far, whole or not at all.

    Columns: `run` (the folder within the sweep), `status`, each setting that differs,
    `seed`, each `SPLIT.TASK.METRIC`, `parameters`, `seconds` of the whole run,
    `samples_per_second` in training, `best_epoch`, `error`.

    Jobs without a run folder come last.

    Returns: the path of the file.
    """
    folders = sorted(find_run_folders(sweep), key=natural_order)
    runs = [read_run(folder) for folder in folders]
    keys = differing_keys(group_runs(runs))
    scores = [scores_of(run) for run in runs]
    names = dict.fromkeys(name for row in scores for name in row)
    test_first = sorted(names, key=lambda name: not name.startswith("test."))
    stream = io.StringIO()
    headings = ["run", "status", *keys, "seed", *test_first, *COST_COLUMNS, "error"]
    writer = csv.DictWriter(stream, headings, extrasaction="ignore")
    writer.writeheader()
    for run, row in zip(runs, scores, strict=True):
        fixed = {
            "run": run.path.relative_to(sweep).as_posix(),
            "status": run.status,
            "seed": run.seed,
            "error": run.error or None,
        }
        writer.writerow(run.settings | row | cost_of(run) | fixed)
    writer.writerows(map(row_without_run, jobs_without_run_folder(sweep)))
    path = sweep / LEADERBOARD
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        text = stream.getvalue()
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def row_without_run(record: JobRecord) -> dict[str, Any]:
    """Returns the row of a job that failed before it had a run folder.

    The settings fill the columns of their names; a choice of a config group, such as
    `model=ple`, fills the column `model.name` too. Settings without a column are left
    out.
    """
    row = {}
    for setting in record.settings:
        key, _, value = setting.lstrip("+").partition("=")
        row[key] = row[f"{key}.name"] = value
    error = mask_secrets(record.error)
    return row | {"run": record.name, "status": record.status, "error": error}


def scores_of(run: Run) -> dict[str, float | None]:
    """Returns all numbers of `metrics.json`: `SPLIT.TASK.METRIC` to value."""
    return {
        f"{split}.{task}.{metric}": run.value(split, task, metric)
        for split, tasks in run.metrics.items()
        for task, values in tasks.items()
        for metric, value in values.items()
        if value is None or isinstance(value, int | float)
    }


def cost_of(run: Run) -> dict[str, float | None]:
    """Returns the size, the speed and the best epoch of a run."""
    history = run.history()
    rates = [finite_number(epoch.get("samples_per_second")) for epoch in history]
    # The first epoch compiles; its speed counts only if there is no other epoch.
    known = [rate for rate in rates[1:] or rates if rate is not None]
    # Without early stopping, the weights of the last epoch are kept.
    last = run.settings.get("trainer.patience") == "null"
    best = [
        finite_number(epoch.get("epoch"))
        for epoch in history
        if last or epoch.get("best") == "True"
    ]
    parameters = run.environment.get("parameters")
    return {
        "parameters": parameters if isinstance(parameters, int) else None,
        "seconds": run.seconds,
        "samples_per_second": statistics.median(known) if known else None,
        "best_epoch": int(best[-1]) if best and best[-1] else None,
    }
