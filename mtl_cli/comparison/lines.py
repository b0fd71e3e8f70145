"""Finds lines: chains of runs, each of which starts from the run of the day before.

A run with `start_from` begins with the weights of an earlier run. Both runs belong to a
line. A line usually has one run per day, and one seed.
"""

from dataclasses import replace
from pathlib import Path

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.runs import Run

EARLIER_RUN_KEY = "start_from.run"  # the setting that names the earlier run
TRAINING_TABLE_KEY = "dataset.train"  # the runs of one day have the same value
# The settings that change from day to day.
DAY_KEYS = (TRAINING_TABLE_KEY, "dataset.valid", "dataset.test", EARLIER_RUN_KEY)


def mark_lines(runs: list[Run]) -> None:
    """Sets `is_in_line` of the runs that start from a run, or from which a run starts.

    The `environment.json` of a run holds the hash of the earlier run's configuration.
    """
    earlier_hashes = {earlier_hash(run) for run in runs} - {""}
    for run in runs:
        starts_from_run = EARLIER_RUN_KEY in run.settings
        run.is_in_line = starts_from_run or own_hash(run) in earlier_hashes


def own_hash(run: Run) -> str:
    """Returns the hash of a run's configuration; "" if it is missing."""
    return str(run.environment.get("config_hash", ""))


def earlier_hash(run: Run) -> str:
    """Returns the hash of the run that a run starts from; "" if there is none."""
    record = run.environment.get("start_from")
    return str(record.get("config_hash", "")) if isinstance(record, dict) else ""


def find_lines(runs: list[Run]) -> list[Configuration]:
    """Returns each line as a configuration with a replicate for each day.

    The runs of a line have equal settings, except for `DAY_KEYS`. The first run of a
    line is left out, because it does not start from an earlier run. The days are
    numbered from 1, in the order in which the runs started. Runs of the same day read
    the same `dataset.train`. A line with several runs for one day, such as runs of
    several seeds, is left out: such runs are compared by the tests over seeds.
    """
    runs_by_settings: dict[frozenset[tuple[str, str]], list[Run]] = {}
    day_numbers: dict[str | None, int] = {}
    for run in runs:
        if run.has_scores and EARLIER_RUN_KEY in run.settings:
            day = run.settings.get(TRAINING_TABLE_KEY)
            day_numbers.setdefault(day, len(day_numbers) + 1)
            key = frozenset(settings_of_line(run).items())
            runs_by_settings.setdefault(key, []).append(run)
    lines = []
    for line_runs in runs_by_settings.values():
        numbered = [
            replace(run, day=day_numbers[run.settings.get(TRAINING_TABLE_KEY)])
            for run in line_runs
        ]
        line = Configuration(settings_of_line(line_runs[0]), numbered)
        if len(line.runs) == len(numbered):  # `line.runs` has only one run per day
            lines.append(line)
    return lines


def folders_of_lines(line_runs: list[Run], runs: list[Run]) -> set[Path]:
    """Returns the folders of the runs that belong to the lines of `line_runs`.

    Such a run has the settings of a line, or the line goes on from it: the first run of
    a line may have other settings, such as more epochs.
    """
    earlier_hashes = {own_hash(run): earlier_hash(run) for run in runs}
    line_hashes = set()
    for run in line_runs:
        config_hash = earlier_hash(run)
        while config_hash and config_hash not in line_hashes:
            line_hashes.add(config_hash)
            config_hash = earlier_hashes.get(config_hash, "")
    all_settings = {frozenset(settings_of_line(run).items()) for run in line_runs}
    return {
        run.path
        for run in runs
        if own_hash(run) in line_hashes
        or (run.is_in_line and frozenset(settings_of_line(run).items()) in all_settings)
    }


def settings_of_line(run: Run) -> dict[str, str]:
    """Returns the settings of a run that are the same on all days of its line."""
    return {key: v for key, v in run.settings.items() if key not in DAY_KEYS}
