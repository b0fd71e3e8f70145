"""`--fail-if 'test.income.auc<0.91'`: a check for continuous integration."""

import operator
import re
from dataclasses import dataclass

import numpy as np

from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.leaderboard import scores_of
from mtl_cli.compare.runs import Run
from mtl_cli.core.errors import ConfigError, suggest

FORM = re.compile(
    r"\s*(\w[\w-]*)\.([\w-]+)\.(\w+)\s*(<=|>=|<|>)\s*"
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
)
OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """A condition on a metric. The check fails if the condition holds."""

    text: str
    split: str
    task: str
    metric: str
    operator: str
    limit: float

    @property
    def name(self) -> str:
        """The full name of the metric."""
        return f"{self.split}.{self.task}.{self.metric}"


def parse(text: str, runs: list[Run]) -> Condition:
    """Reads a condition.

    Args:
        text: `SPLIT.TASK.METRIC OPERATOR NUMBER`.
        runs: the runs to check; at least one must have the metric.

    Raises:
        ConfigError: if the text is no condition, or no run has the metric.
    """
    match = FORM.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--fail-if: '{text}' should be SPLIT.TASK.METRIC, one of < <= > >=, and "
            "a number, as in 'test.income.auc<0.91'"
        )
    split, task, metric, sign, limit = match.groups()
    condition = Condition(text.strip(), split, task, metric, sign, float(limit))
    names = dict.fromkeys(name for run in runs for name in scores_of(run))
    if condition.name not in names:
        near = suggest(condition.name, list(names)) or f"; known: {', '.join(names)}"
        raise ConfigError(f"--fail-if: no run has {condition.name}{near}")
    return condition


def failures(condition: Condition, configurations: list[Configuration]) -> list[str]:
    """Returns one line for each configuration whose mean over seeds fails.

    A configuration without the metric fails too: it cannot have passed the check.
    """
    lines = []
    for one in configurations:
        values = one.values(condition.split, condition.task, condition.metric)
        if not values:
            lines.append(f"{one.name} has no {condition.name}")
            continue
        mean = float(np.mean(list(values.values())))
        if OPERATORS[condition.operator](mean, condition.limit):
            lines.append(f"{one.name} has {condition.name} = {mean:.6g}")
    return lines
