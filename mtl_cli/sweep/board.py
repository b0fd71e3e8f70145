"""A sweep's `leaderboard.csv`, with the jobs too that have no folder."""

from pathlib import Path
from typing import Any

from mtl_cli.compare.leaderboard import write_leaderboard
from mtl_cli.core.secrets import masked
from mtl_cli.runs.job_records import JobRecord, jobs_without_run_folder


def write_board(sweep: Path, found: list[JobRecord]) -> None:
    """Writes the leaderboard of all jobs that have ended or are running.

    A job whose configuration is wrong leaves no folder: its row is made of its record.

    Args:
        sweep: its folder.
        found: the records of its jobs.
    """
    lost = jobs_without_run_folder(sweep, found)
    write_leaderboard(sweep, [row_of(record) for record in lost])


def row_of(record: JobRecord) -> dict[str, Any]:
    """Returns what is known of a job without a folder; more than there are columns."""
    row = {}
    for setting in record.settings:
        key, _, value = setting.lstrip("+").partition("=")
        row[key] = row[f"{key}.name"] = value  # as it may choose from a group
    told = {"run": record.name, "status": record.status, "error": masked(record.error)}
    return row | told
