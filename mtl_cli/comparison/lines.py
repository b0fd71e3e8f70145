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
    """Sets `is_in_line` of the runs that start from a run, or from which a run starts.

    The `environment.json` of a run holds the hash of the earlier run's configuration.
    """
    earlier_hashes = set()
    for run in runs:
        record = run.environment.get("start_from")
        if isinstance(record, dict) and "config_hash" in record:
            earlier_hashes.add(str(record["config_hash"]))
    for run in runs:
        own_hash = str(run.environment.get("config_hash", ""))
        run.is_in_line = EARLIER_RUN_KEY in run.settings or own_hash in earlier_hashes


def find_lines(runs: list[Run]) -> list[Configuration]:
    """Returns each line as a configuration, whose replicates are days.

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


def are_of_one_line(configurations: list[Configuration]) -> bool:
    """Whether all configurations are in lines, and no two have a day in common."""
    days = {c.settings.get(TRAINING_TABLE_KEY) for c in configurations}
    are_in_lines = all(c.is_in_line for c in configurations)
    return are_in_lines and len(days) == len(configurations)


def settings_of_line(run: Run) -> dict[str, str]:
    """Returns the settings of a run that are the same on all days of its line."""
    return {key: v for key, v in run.settings.items() if key not in DAY_KEYS}
