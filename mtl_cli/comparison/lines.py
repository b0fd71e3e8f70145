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
LineKey = frozenset[tuple[str, str]]


def mark_lines(runs: list[Run]) -> None:
    """Sets `is_in_line` of runs that start from a run, or from which a run starts."""
    earlier_hashes = {hash_of_earlier_run(run) for run in runs} - {""}
    for run in runs:
        starts_from_run = EARLIER_RUN_KEY in run.settings
        run.is_in_line = starts_from_run or config_hash(run) in earlier_hashes


def config_hash(run: Run) -> str:
    """Returns the hash of a run's configuration; "" if it is missing."""
    return str(run.environment.get("config_hash", ""))


def hash_of_earlier_run(run: Run) -> str:
    """Returns the `config_hash` of the run from which a run starts; "" if none."""
    record = run.environment.get("start_from")
    return str(record.get("config_hash", "")) if isinstance(record, dict) else ""


def find_lines(runs: list[Run]) -> list[Configuration]:
    """Returns each line as a configuration whose replicates are days.

    The runs of a line have equal settings, except for `DAY_KEYS`. The first run of a
    line is left out, because it does not start from an earlier run. The days are
    numbered from 1, in the order in which the runs started. Runs of the same day read
    the same `dataset.train`. A line with several runs for one day, such as runs of
    several seeds, is left out: such runs are compared by the tests over seeds.
    """
    runs_by_line: dict[LineKey, list[Run]] = {}
    day_numbers: dict[str | None, int] = {}  # {training table: number of the day}
    for run in runs:
        if run.has_scores and EARLIER_RUN_KEY in run.settings:
            table = run.settings.get(TRAINING_TABLE_KEY)
            day_numbers.setdefault(table, len(day_numbers) + 1)
            runs_by_line.setdefault(line_key(run), []).append(run)
    lines = []
    for line_runs in runs_by_line.values():
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

    Most of these runs have the settings of their line. The first run of a line may have
    other settings, such as more epochs, so it is found by its hash.
    """
    # {hash of a run: hash of its earlier run}
    earlier_hashes = {config_hash(run): hash_of_earlier_run(run) for run in runs}
    hashes_of_earlier_runs = set()
    for run in line_runs:
        earlier_hash = hash_of_earlier_run(run)
        while earlier_hash and earlier_hash not in hashes_of_earlier_runs:
            hashes_of_earlier_runs.add(earlier_hash)
            earlier_hash = earlier_hashes.get(earlier_hash, "")
    settings_of_lines = {line_key(run) for run in line_runs}
    return {
        run.path
        for run in runs
        if config_hash(run) in hashes_of_earlier_runs
        or (run.is_in_line and line_key(run) in settings_of_lines)
    }


def settings_of_line(run: Run) -> dict[str, str]:
    """Returns the settings of a run that are the same on all days of its line."""
    return {key: v for key, v in run.settings.items() if key not in DAY_KEYS}


def line_key(run: Run) -> LineKey:
    """Returns the `settings_of_line` of a run in a form that can be a key of a dict."""
    return frozenset(settings_of_line(run).items())
