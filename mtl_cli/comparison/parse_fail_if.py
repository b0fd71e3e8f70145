"""Parses the conditions of `--fail-if`, and refuses conditions on unknown names."""

from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.named_scores import DIFFERENCE, all_scores
from mtl_cli.comparison.runs import Run
from mtl_cli.core.conditions import Condition, check_known, parse_condition
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list, suggest


def parse_conditions(
    texts: list[str], runs: list[Run], differences: dict[str, list[Difference]]
) -> list[Condition]:
    """Returns the conditions on scores and on differences.

    Args:
        texts: the conditions of the command line, without `worse`.
        runs: the runs to check.
        differences: the differences to the baseline, {dotted name: differences}.

    Raises:
        ConfigError: if a text is not a condition, or its name is unknown.
    """
    known_names = [name for run in runs for name in all_scores(run)]
    conditions = []
    for text in texts:
        condition = parse_condition(text, "SPLIT.TASK.METRIC", "test.income.auc<0.91")
        if condition.name.endswith(DIFFERENCE):
            check_compared(condition.text, differences)
            check_difference(condition.name, differences, known_names)
        else:
            check_known(condition, known_names, "run")
        conditions.append(condition)
    return conditions


def check_compared(text: str, differences: dict[str, list[Difference]]) -> None:
    """Raises a `ConfigError` if no two configurations are compared."""
    if not differences:
        raise ConfigError(
            f"--fail-if '{text}': no two configurations are compared; name the "
            "runs of at least two"
        )


def check_difference(
    name: str, differences: dict[str, list[Difference]], score_names: list[str]
) -> None:
    """Raises a `ConfigError` if there are no differences with this name.

    Args:
        name: the dotted name, such as `test.income.auc.difference`.
        differences: the differences to the baseline, {dotted name: differences}.
        score_names: the names of all scores of the runs, such as `test.income.auc`.
    """
    if name in differences:
        return
    known_names = list(differences)
    score_name = name.removesuffix(DIFFERENCE)
    split, metric = score_name.split(".")[0], score_name.split(".")[-1]
    compared_split = known_names[0].split(".")[0]
    if split != compared_split:
        fix = f"; add --split {split}"
    elif score_name in score_names:
        fix = f"; add --metric {metric}"
    elif hint := suggest(name, known_names, cutoff=0.9):
        fix = hint
    else:
        fix = f"; add --metric {metric}, or correct the name"
    raise ConfigError(
        f"--fail-if: {name} is not compared, only {comma_list(known_names)}{fix}"
    )
