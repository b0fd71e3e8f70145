"""Checks metrics for continuous integration: `--fail-if 'test.income.auc<0.91'`."""

from pathlib import Path
from statistics import fmean

from mtl_cli.comparison.configurations import group_runs
from mtl_cli.comparison.runs import Run
from mtl_cli.core.conditions import Condition, check_known, parse_condition


def parse_check(text: str, runs: list[Run]) -> Condition:
    """Reads a condition `SPLIT.TASK.METRIC OPERATOR NUMBER`.

    Raises:
        ConfigError: if the text is not a condition, or none of the runs has the metric.
    """
    condition = parse_condition(text, "SPLIT.TASK.METRIC", "test.income.auc<0.91")
    check_known(condition, (name for run in runs for name in run.flat_scores()), "run")
    return condition


def failed_checks(
    conditions: list[Condition], runs: list[Run], folders: list[str]
) -> list[str]:
    """Returns one line for each configuration or run that fails a check.

    A configuration fails if the condition holds for the mean of its metric over seeds.
    A configuration without the metric fails too, because the check is impossible.

    Args:
        conditions: the conditions under which a check fails.
        runs: the runs at or below the folders.
        folders: the folders on the command line. A run without scores fails every check
            if the run folder itself is on the command line.
    """
    configurations = group_runs(runs) if conditions else []
    named_folders = {Path(folder).resolve() for folder in folders}
    unscored = [run for run in runs if not run.has_scores]
    named = [run for run in unscored if run.path.resolve() in named_folders]
    lines = []
    for condition in conditions:
        failures = []
        for configuration in configurations:
            values = configuration.values(*condition.name.split(".")).values()
            if not values:
                failures.append(f"{configuration.name} has no {condition.name}")
                continue
            mean = fmean(values)
            if condition.holds(mean):
                failures.append(
                    f"{configuration.name} has {condition.name} = {mean:.6g}"
                )
        failures += [f"{run.path} cannot be checked: {run.status}" for run in named]
        lines += [f"--fail-if '{condition.text}': {failure}" for failure in failures]
    return lines
