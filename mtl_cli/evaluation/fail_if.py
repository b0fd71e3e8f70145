"""Checks the numbers of evaluations: `--fail-if 'income.auc<0.91'`."""

from mtl_cli.core.conditions import Condition, check_known
from mtl_cli.evaluation.evaluation import Evaluation


def check_names(conditions: list[Condition], evaluations: list[Evaluation]) -> None:
    """Checks that each condition is on a number that some evaluation has.

    Raises:
        ConfigError: if a condition names an unknown number.
    """
    names = [name for evaluation in evaluations for name in evaluation.numbers()]
    for condition in conditions:
        check_known(condition, names, "evaluation")


def failed_checks(conditions: list[Condition], evaluation: Evaluation) -> list[str]:
    """Returns a line for each condition that is true or that cannot be checked."""
    numbers, lines = evaluation.numbers(), []
    for condition in conditions:
        start, value = f"--fail-if '{condition.text}'", numbers.get(condition.name)
        if value is None:
            lines.append(f"{start}: {condition.name} has no value")
        elif condition.holds(value):
            lines.append(f"{start}: {condition.name} = {value:.6g}")
    return lines
