"""Finds lines: chains of runs, each of which starts from the run of the day before.

A run with `start_from` begins with the weights of an earlier run. Both runs belong to a
line. A line usually has one run per day, and one seed.
"""

from dataclasses import replace

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.runs import Run

EARLIER_RUN_KEY = "start_from.run"  # the setting that names the earlier run
TRAINING_TABLE_KEY = "dataset.train"  # the runs of one day have the same value
# The settings that change from day to day.
DAY_KEYS = (TRAINING_TABLE_KEY, "dataset.valid", "dataset.test", EARLIER_RUN_KEY)


def mark_lines(runs: list[Run]) -> None:
    """Sets `is_in_line` of runs that start from a run, or from which a run starts."""
    records = [run.environment.get("start_from") for run in runs]
    earlier_hashes = {
        str(record.get("config_hash", ""))
        for record in records
        if isinstance(record, dict)
    }
    for run in runs:
        config_hash = str(run.environment.get("config_hash", "unknown"))
        is_earlier_run = config_hash in earlier_hashes
        run.is_in_line = EARLIER_RUN_KEY in run.settings or is_earlier_run


def find_lines(runs: list[Run]) -> list[Configuration]:
    """Returns each line as a configuration whose replicates are days.

    The runs of a line have equal settings, except for `DAY_KEYS`. The first run of a
    line is left out, because it does not start from an earlier run. The days are
    numbered from 1, in the order in which the runs started. Runs of the same day read
    the same `dataset.train`. A line with several runs for one day, such as runs of
    several seeds, is left out: such runs are compared by the tests over seeds.
    """
    runs_by_line: dict[frozenset[tuple[str, str]], list[Run]] = {}
    day_numbers: dict[str | None, int] = {}  # {training table: number of the day}
    for run in runs:
        if run.has_scores and EARLIER_RUN_KEY in run.settings:
            table = run.settings.get(TRAINING_TABLE_KEY)
            day_numbers.setdefault(table, len(day_numbers) + 1)
            line_key = frozenset(settings_of_line(run).items())
            runs_by_line.setdefault(line_key, []).append(run)
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


def settings_of_line(run: Run) -> dict[str, str]:
    """Returns the settings of a run that are the same on all days of its line."""
    return {key: v for key, v in run.settings.items() if key not in DAY_KEYS}
