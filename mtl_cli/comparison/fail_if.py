"""Checks metrics for continuous integration: `--fail-if 'test.income.auc<0.91'`."""

from pathlib import Path

import numpy as np

from mtl_cli.comparison.configurations import Configuration, group_runs
from mtl_cli.comparison.runs import Run
from mtl_cli.core.conditions import Condition, check_known, parse_condition


def parse_check(text: str, runs: list[Run]) -> Condition:
    """Reads a condition on a metric.

    Args:
        text: `SPLIT.TASK.METRIC OPERATOR NUMBER`.
        runs: the runs to check; at least one must have the metric.

    Raises:
        ConfigError: if the text is not a condition, or no run has the metric.
    """
    condition = parse_condition(text, "SPLIT.TASK.METRIC", "test.income.auc<0.91")
    check_known(condition, (name for run in runs for name in run.flat_scores()), "run")
    return condition


def failed_checks(
    conditions: list[Condition], runs: list[Run], folders: list[str]
) -> list[str]:
    """Returns one line for each configuration or run that fails a check.

    Args:
        conditions: the conditions for a failure.
        runs: the compared runs.
        folders: the folders on the command line. If a run without scores is one of
            them, it fails every check.
    """
    configurations = group_runs(runs) if conditions else []
    named = {Path(folder).resolve() for folder in folders}
    unscored = [r for r in runs if not r.has_scores and r.path.resolve() in named]
    return [
        f"--fail-if '{condition.text}': {line}"
        for condition in conditions
        for line in [
            *failure_messages(condition, configurations),
            *(f"{run.path} cannot be checked: {run.status}" for run in unscored),
        ]
    ]


def failure_messages(
    condition: Condition, configurations: list[Configuration]
) -> list[str]:
    """Returns one line for each configuration that fails a check.

    A configuration fails if the condition holds for the mean of its metric over seeds.
    A configuration without the metric fails too, because it cannot pass the check.

    Args:
        condition: the condition for a failure, such as `test.income.auc < 0.91`.
        configurations: the configurations.
    """
    lines = []
    for configuration in configurations:
        values = configuration.values(*condition.name.split("."))
        if not values:
            lines.append(f"{configuration.name} has no {condition.name}")
            continue
        mean = float(np.mean(list(values.values())))
        if condition.holds(mean):
            lines.append(f"{configuration.name} has {condition.name} = {mean:.6g}")
    return lines
