"""Checks such as `--fail-if 'test.income.auc<0.91'`, for continuous integration."""

import operator
import re
from dataclasses import dataclass

import numpy as np

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.leaderboard import scores_of
from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import ConfigError, suggest

CONDITION = re.compile(
    r"\s*(\w[\w-]*\.[\w-]+\.\w+)\s*(<=|>=|<|>)\s*"
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
)
OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Condition:
    """A condition on a metric. The check fails if the condition holds.

    Attributes:
        text: the condition as the user wrote it.
        metric: `SPLIT.TASK.METRIC`.
        operator: `<`, `<=`, `>` or `>=`.
        limit: the number on the right side.
    """

    text: str
    metric: str
    operator: str
    limit: float


def parse(text: str, runs: list[Run]) -> Condition:
    """Reads a condition.

    Args:
        text: `SPLIT.TASK.METRIC OPERATOR NUMBER`.
        runs: the runs to check; at least one must have the metric.

    Raises:
        ConfigError: if the text is no condition, or no run has the metric.
    """
    match = CONDITION.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--fail-if: '{text}' should be SPLIT.TASK.METRIC, one of < <= > >=, and "
            "a number, as in 'test.income.auc<0.91'"
        )
    metric, operator_sign, limit = match.groups()
    metrics = list(dict.fromkeys(name for run in runs for name in scores_of(run)))
    if metric not in metrics:
        hint = suggest(metric, metrics) or f"; known: {', '.join(metrics)}"
        raise ConfigError(f"--fail-if: no run has {metric}{hint}")
    return Condition(text.strip(), metric, operator_sign, float(limit))


def failure_messages(
    condition: Condition, configurations: list[Configuration]
) -> list[str]:
    """Returns one line for each configuration whose mean over seeds fails.

    A configuration without the metric fails too: it cannot have passed the check.
    """
    lines = []
    for configuration in configurations:
        values = configuration.values(*condition.metric.split("."))
        if not values:
            lines.append(f"{configuration.name} has no {condition.metric}")
            continue
        mean = float(np.mean(list(values.values())))
        if OPERATORS[condition.operator](mean, condition.limit):
            lines.append(f"{configuration.name} has {condition.metric} = {mean:.6g}")
    return lines
