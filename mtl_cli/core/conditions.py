"""Conditions on numbers, such as `--fail-if 'test.income.auc<0.91'`, for checks."""

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mtl_cli.core.errors import ConfigError, suggest

CONDITION = re.compile(
    r"\s*([^\s<>=][^<>=]*\.[^<>=]*[^\s<>=])\s*(<=|>=|<|>)\s*"
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
)
OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Condition:
    """A condition on a number. The check fails if the condition holds.

    Attributes:
        text: the condition as the user wrote it.
        name: the dotted name of the number, such as `test.income.auc`.
        operator: `<`, `<=`, `>` or `>=`.
        limit: the number on the right side.
    """

    text: str
    name: str
    operator: str
    limit: float

    def holds(self, value: float) -> bool:
        """Whether the condition holds for a value of the number."""
        return bool(OPERATORS[self.operator](value, self.limit))


def parse_condition(text: str, form: str, example: str) -> Condition:
    """Reads a condition.

    Args:
        text: `NAME OPERATOR NUMBER`.
        form: the form of a name, for messages: `SPLIT.TASK.METRIC`.
        example: a condition, for messages.

    Raises:
        ConfigError: if the text is no condition.
    """
    match = CONDITION.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--fail-if: '{text}' should be {form}, one of < <= > >=, and "
            f"a number, as in '{example}'"
        )
    name, operator_sign, limit = match.groups()
    return Condition(text.strip(), name, operator_sign, float(limit))


def check_known(condition: Condition, numbers: Iterable[str], owner: str) -> None:
    """Refuses a condition on an unknown number.

    Args:
        condition: the condition.
        numbers: the names of all numbers that can be checked.
        owner: the thing that has the numbers, for messages: `run`.

    Raises:
        ConfigError: if the name is unknown.
    """
    names = list(dict.fromkeys(numbers))
    if condition.name not in names:
        hint = suggest(condition.name, names) or f"; known: {', '.join(names)}"
        raise ConfigError(f"--fail-if: no {owner} has {condition.name}{hint}")
