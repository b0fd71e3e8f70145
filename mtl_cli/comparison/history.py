"""Reads the `history.csv` of a run: one row per epoch."""

import csv
import io
import math
import statistics
from pathlib import Path

from mtl_cli.core.other_files import read_text


def read_history(run: Path) -> list[dict[str, str]]:
    """Reads the rows of `history.csv`, {column: cell} each; [] if it is unreadable."""
    try:
        text = read_text(run / "history.csv")
        return list(csv.DictReader(io.StringIO(text)))
    except (OSError, ValueError, csv.Error):
        return []


def median_speed(history: list[dict[str, str]]) -> float | None:
    """Returns the median over epochs of the samples per second; None if unknown."""
    speeds = [finite_number(epoch.get("samples_per_second")) for epoch in history]
    # In runs of earlier versions, the first epoch includes the time of compiling. The
    # speed of the first epoch counts only if there is no other epoch.
    known = [speed for speed in speeds[1:] or speeds if speed is not None]
    return statistics.median(known) if known else None


def best_epoch(history: list[dict[str, str]], has_early_stopping: bool) -> int | None:
    """Returns the number of the epoch whose weights were kept; None if unknown.

    Without early stopping, this is the last epoch.
    """
    numbers = [
        finite_number(epoch.get("epoch"))
        for epoch in history
        if epoch.get("best") == "True" or not has_early_stopping
    ]
    last = numbers[-1] if numbers else None
    return None if last is None else int(last)


def finite_number(text: str | None) -> float | None:
    """Converts a text to a number; returns None if it is not a finite number."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
