"""`--fail-if 'test.income.auc<0.91'`: a check for continuous integration."""

import operator
import re
from dataclasses import dataclass

import numpy as np

from mtl_cli.compare.configurations import Configuration
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
    """A metric and the limit at which it fails."""

    text: str
    split: str
    task: str
    metric: str
    operator: str
    limit: float


def parse(text: str, runs: list[Run]) -> Condition:
    """Reads an expression.

    Args:
        text: `SPLIT.TASK.METRIC OPERATOR NUMBER`.
        runs: in which the metric must be known.

    Raises:
        ConfigError: if it is none, or names what no run has.
    """
    match = FORM.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--fail-if: '{text}' should be SPLIT.TASK.METRIC, one of < <= > >=, and "
            "a number, as in 'test.income.auc<0.91'"
        )
    split, task, metric, sign, limit = match.groups()
    names: dict[str, None] = {}
    for run in runs:
        for s, tasks in run.metrics.items():
            for t, found in tasks.items():
                names |= {
                    f"{s}.{t}.{m}": None
                    for m, value in found.items()
                    if m not in ("why", "space")
                    and (value is None or isinstance(value, int | float))
                }
    wanted = f"{split}.{task}.{metric}"
    if wanted not in names:
        near = suggest(wanted, list(names)) or f"; known: {', '.join(names)}"
        raise ConfigError(f"--fail-if: no run has {wanted}{near}")
    return Condition(text.strip(), split, task, metric, sign, float(limit))


def failures(condition: Condition, found: list[Configuration]) -> list[str]:
    """Returns a line for each configuration whose mean over seeds fails.

    One that lacks the metric fails too: what cannot be checked has not passed.
    """
    lines = []
    wanted = f"{condition.split}.{condition.task}.{condition.metric}"
    for one in found:
        values = one.values(condition.split, condition.task, condition.metric)
        if not values:
            lines.append(f"{one.name} has no {wanted}")
            continue
        mean = float(np.mean(list(values.values())))
        if OPERATORS[condition.operator](mean, condition.limit):
            lines.append(f"{one.name} has {wanted} = {mean:.6g}")
    return lines
