"""Conditions of `--fail-if`, such as `test.income.auc<0.91`."""

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mtl_cli.core.command_line import Parser
from mtl_cli.core.errors import ConfigError, fail
from mtl_cli.core.message_text import comma_list, suggest

# A dotted name, an operator and a number. The name may itself contain an operator, if
# it contains a scenario or slice such as `age <= 30`: only the last operator counts.
CONDITION = re.compile(
    r"\s*([^\s<>=].*\..*[^\s<>=])\s*(<=|>=|<|>)\s*"
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*",
    re.DOTALL,
)
OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Condition:
    """A condition of `--fail-if`."""

    text: str  # the condition as the user wrote it
    name: str  # dotted, such as `test.income.auc`
    sign: str  # a key of `OPERATORS`
    limit: float

    def holds(self, value: float) -> bool:
        return bool(OPERATORS[self.sign](value, self.limit))


def add_fail_if(parser: Parser, example: str) -> None:
    parser.add_argument(
        "--fail-if",
        metavar="EXPR",
        action="append",
        default=[],
        help=f"exit with 1 if this holds: '{example}'; may be repeated",
    )


def report_failures(program: str, failures: list[str]) -> int:
    """Prints a line for each failure, and returns the exit code of the command."""
    for failure in failures:
        fail(program, failure, 1)
    return 1 if failures else 0


def parse_condition(text: str, form: str, example: str) -> Condition:
    """Parses `NAME OPERATOR NUMBER`.

    `form`, such as `TASK.METRIC`, and `example` are for the error.
    """
    match = CONDITION.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--fail-if: '{text}' should be {form}, one of < <= > >=, and "
            f"a number, as in '{example}'"
        )
    name, sign, limit = match.groups()
    return Condition(text.strip(), name, sign, float(limit))


def check_known(
    condition: Condition, names: Iterable[str], owner: str, reason: str = ""
) -> None:
    """Raises a `ConfigError` such as `no run has test.income.auc`.

    `owner` is what has such names; `reason` is added to the name.
    """
    known_names = list(dict.fromkeys(names))
    if condition.name not in known_names:
        hint = suggest(condition.name, known_names)
        hint = hint or f"; known: {comma_list(known_names)}"
        raise ConfigError(f"--fail-if: no {owner} has {condition.name}{reason}{hint}")
