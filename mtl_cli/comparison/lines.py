"""Finds lines: runs that go on day by day, each from the run of the day before.

A run with `start_from` goes on with the model of an earlier run. Both runs belong to a
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
    """Sets `is_in_line` of the runs that go on, and of those that others go on from."""
    earlier = set()
    for run in runs:
        record = run.environment.get("start_from")
        if isinstance(record, dict) and "config_hash" in record:
            earlier.add(str(record["config_hash"]))
    for run in runs:
        own_hash = str(run.environment.get("config_hash", ""))
        run.is_in_line = EARLIER_RUN_KEY in run.settings or own_hash in earlier


def find_lines(runs: list[Run]) -> list[Configuration]:
    """Returns each line as a configuration whose runs have the days as their seeds.

    The runs of a line have equal settings, except for `DAY_KEYS`. The first run of a
    line is left out, because it does not go on from an earlier run. The days are
    numbered from 1, in the order in which the runs started. Runs of the same day read
    the same `dataset.train`. Lines with several runs of a day, such as several seeds,
    are left out: the tests over seeds are made for these.
    """
    runs_by_settings: dict[frozenset[tuple[str, str]], list[Run]] = {}
    day_numbers: dict[str | None, int] = {}
    for run in runs:
        if run.has_scores and EARLIER_RUN_KEY in run.settings:
            day_numbers.setdefault(
                run.settings.get(TRAINING_TABLE_KEY), len(day_numbers) + 1
            )
            others = ((k, v) for k, v in run.settings.items() if k not in DAY_KEYS)
            runs_by_settings.setdefault(frozenset(others), []).append(run)
    lines = []
    for line_runs in runs_by_settings.values():
        settings = {k: v for k, v in line_runs[0].settings.items() if k not in DAY_KEYS}
        numbered = [
            replace(run, seed=day_numbers[run.settings.get(TRAINING_TABLE_KEY)])
            for run in line_runs
        ]
        line = Configuration(settings, numbered)
        if len(line.runs) == len(numbered):
            lines.append(line)
    return lines
