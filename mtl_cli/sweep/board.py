"""A sweep's `leaderboard.csv`, with the jobs too that have no folder."""

import csv
import os
from pathlib import Path

from mtl_cli.compare.leaderboard import write_leaderboard
from mtl_cli.masking import masked
from mtl_cli.sweep.records import Record, without_folder


def write_board(sweep: Path, found: list[Record]) -> None:
    """Writes the leaderboard of all jobs that have ended or are running.

    A job whose configuration is wrong leaves no folder: its row is made of its record.

    Args:
        sweep: its folder.
        found: the records of its jobs.
    """
    path = write_leaderboard(sweep)
    lost = without_folder(sweep, found)
    if not lost:
        return
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        temporary.write_bytes(path.read_bytes())
        with temporary.open("r+", encoding="utf-8", newline="") as file:
            heads = next(csv.reader(file))
            file.seek(0, os.SEEK_END)
            writer = csv.DictWriter(file, heads, extrasaction="ignore")
            writer.writerows(row_of(record) for record in lost)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def row_of(record: Record) -> dict[str, str]:
    """Returns what is known of a job without a folder; more than there are columns."""
    row = {}
    for setting in record.settings:
        key, _, value = setting.lstrip("+").partition("=")
        row[key] = row[f"{key}.name"] = value  # as it may choose from a group
    told = {"run": record.name, "status": record.status, "error": masked(record.error)}
    return row | told
