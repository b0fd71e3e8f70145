"""Writes the `leaderboard.csv` of a sweep, a table with one row per job."""

from pathlib import Path
from typing import Any

from mtl_cli.comparison.configurations import differing_keys, group_runs
from mtl_cli.comparison.csv_and_json import csv_text
from mtl_cli.comparison.find_runs import read_sweep
from mtl_cli.comparison.runs import TRAINING_FACTS, Run
from mtl_cli.core.atomic_write import RUN_AGAIN, write_text
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.runs.job_records import JobRecord, jobs_that_never_began

LEADERBOARD = "leaderboard.csv"


def write_leaderboard(sweep: Path) -> Path:
    """Writes the leaderboard of the jobs that have begun or failed so far.

    There is one column for each setting that differs between the jobs, and one column
    for each `SPLIT.TASK.METRIC`. Jobs that failed before they had a run folder come
    last.
    """
    runs = read_sweep(sweep)
    setting_keys = [*differing_keys(group_runs(runs)), "seed"]
    score_names = dict.fromkeys(name for run in runs for name in run.flat_scores())
    test_first = sorted(score_names, key=lambda name: not name.startswith("test."))
    rows = [run_row(run, sweep) for run in runs]
    rows += [job_row(job, setting_keys) for job in jobs_that_never_began(sweep)]
    headings = ["run", "status", *setting_keys, *test_first, *TRAINING_FACTS, "error"]
    path = sweep / LEADERBOARD
    text = csv_text(headings, rows)
    write_text(path, text, RUN_AGAIN, errors="replace")
    return path


def run_row(run: Run, sweep: Path) -> dict[str, Any]:
    """Returns the cells of a run, and its settings, that may have no column."""
    return {
        **run.settings,
        **run.flat_scores(),
        **run.training_facts(),
        "run": run.path.relative_to(sweep).as_posix(),
        "status": run.status,
        "seed": run.seed,
        "error": run.error,
    }


def job_row(job: JobRecord, setting_keys: list[str]) -> dict[str, Any]:
    """Returns the cells of a job that never began."""
    settings = {}
    for setting in job.settings:  # such as `+trainer.epochs=5`
        key, _, value = setting.lstrip("+").partition("=")
        settings[key] = value
    # A job chooses an option by its group, `model=ple`. The column is `model.name`.
    cells = {
        key: settings.get(key, settings.get(key.removesuffix(".name")))
        for key in setting_keys
    }
    error = mask_secrets(job.error)
    return cells | {"run": job.name, "status": job.status, "error": error}
