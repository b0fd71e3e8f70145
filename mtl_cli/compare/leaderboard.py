"""`leaderboard.csv` of a sweep: one tidy row a job, for pandas."""

import csv
import io
import math
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtl_cli.compare.configurations import configurations, differing
from mtl_cli.compare.runs import Run, find, natural, read

LEADERBOARD = "leaderboard.csv"
COST = ["parameters", "seconds", "samples_per_second", "best_epoch"]


def write_leaderboard(sweep: Path, others: Sequence[dict[str, Any]] = ()) -> Path:
    """Writes the leaderboard of all jobs that have a folder so far, and of others.

    Columns: `run` (its folder in the sweep's), `status`, each setting that differs,
    `seed`, each `SPLIT.TASK.METRIC`, `parameters`, `seconds` of the whole run,
    `samples_per_second` in training, `best_epoch`, `error`. Written whole or not at
    all.

    Args:
        sweep: the sweep's folder.
        others: rows that come last; what they have no column for is left out.

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
    writer.writerows(others)
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
