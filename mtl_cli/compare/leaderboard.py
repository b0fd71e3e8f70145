"""`leaderboard.csv` of a sweep: one tidy row a job, for pandas."""

import csv
import io
import math
import os
import statistics
from pathlib import Path
from typing import Any

from mtl_cli.compare.configurations import configurations, differing
from mtl_cli.compare.runs import Run, find, natural, read
from mtl_cli.core.secrets import masked
from mtl_cli.runs.job_records import JobRecord, jobs_without_run_folder

LEADERBOARD = "leaderboard.csv"
COST = ["parameters", "seconds", "samples_per_second", "best_epoch"]


def write_leaderboard(sweep: Path) -> Path:
    """Writes the leaderboard of all jobs that have started so far.

    Columns: `run` (its folder in the sweep's), `status`, each setting that differs,
    `seed`, each `SPLIT.TASK.METRIC`, `parameters`, `seconds` of the whole run,
    `samples_per_second` in training, `best_epoch`, `error`. Written whole or not at
    all.

    Jobs without a run folder come last.

    Returns: the file's path.
    """
    runs = [read(folder) for folder in sorted(find(sweep), key=natural)]
    keys = differing(configurations(runs))
    rows = [row_of(run, keys, sweep) for run in runs]
    names = dict.fromkeys(name for row in rows for name in row["scores"])
    scores = sorted(names, key=lambda name: not name.startswith("test."))
    heads = ["run", "status", *keys, "seed", *scores, *COST, "error"]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, heads, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row | row["scores"] for row in rows)
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


def row_of(run: Run, keys: list[str], sweep: Path) -> dict[str, Any]:
    """Returns a run's row, its scores apart."""
    scores = {
        f"{split}.{task}.{metric}": run.value(split, task, metric)
        for split, tasks in run.metrics.items()
        for task, found in tasks.items()
        for metric, value in found.items()
        if value is None or isinstance(value, int | float)
    }
    return {
        "run": run.path.relative_to(sweep).as_posix(),
        "status": run.status,
        **{key: run.settings.get(key) for key in keys},
        "seed": run.seed,
        "scores": scores,
        **cost(run),
        "error": run.error or None,
    }


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
    error = masked(record.error)
    return row | {"run": record.name, "status": record.status, "error": error}


def cost(run: Run) -> dict[str, Any]:
    """Returns what a run took."""
    history = run.history()
    rates = [number(epoch.get("samples_per_second")) for epoch in history]
    known = [rate for rate in rates[1:] or rates if rate is not None]
    kept = run.settings.get("trainer.patience") == "null"  # the last weights are
    best = [number(e.get("epoch")) for e in history if kept or e.get("best") == "True"]
    parameters = run.environment.get("parameters")
    return {
        "parameters": parameters if isinstance(parameters, int) else None,
        "seconds": run.seconds,
        "samples_per_second": statistics.median(known) if known else None,
        "best_epoch": int(best[-1]) if best and best[-1] else None,
    }


def number(text: str | None) -> float | None:
    """Returns a cell as a number, if it is a finite one."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None
