"""Checks runs for continuous integration: `--fail-if 'test.income.auc<0.91'`.

A condition is about a score, about the difference of a score to the baseline, or about
the verdicts: `--fail-if worse`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mtl_cli.comparison.configurations import Configuration, group_runs
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.named_scores import (
    SCENARIOS,
    difference_name,
    differences_to_baseline,
    is_twin_of_other_scenario,
    mean_scores,
)
from mtl_cli.comparison.parse_fail_if import check_compared, parse_conditions
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.twins import split_single_scenario
from mtl_cli.core.conditions import Condition

WORSE = "worse"  # holds if a configuration is worse than the baseline, or behind it
# The verdicts under which `worse` holds. {verdict: its words in the message}.
FAILED = {Verdict.WORSE: "worse than", Verdict.BEHIND: "behind"}
# The verdicts that do not say which of two configurations is better.
UNDECIDED = {
    Verdict.TOO_FEW_SEEDS: "there are too few seeds",
    Verdict.TOO_FEW_ROWS: "there are too few test rows",
    Verdict.NOT_TESTED: "their test rows were not compared",
    Verdict.TOO_FEW_DAYS: "there are too few days",
    Verdict.NOT_COMPARABLE: "they are scored on different rows or weights",
    Verdict.NO_SCORE: "one of them has no score",
}
UNKNOWN_METRIC = (
    "they are different, but whether a higher value is better is unknown; add "
    "--plugins FOLDER"
)


def failed_checks(
    texts: list[str],
    runs: list[Run],
    comparisons: list[DatasetComparison],
    folders: list[str],
) -> list[str]:
    """Returns a message for each check that a configuration or a run fails.

    An impossible check counts as failed: the configuration has no score, is not
    compared with the baseline, or the tests cannot tell whether it is worse. There are
    four exceptions. A single-scenario twin is checked on its scenario only, because it
    has no scores on other rows. Outputs that the baseline does not have are not
    compared. `worse` leaves out a scenario with too few rows to compare two models of
    lines. A day on which only one line has a run need not have the baseline, if the
    line is compared on another day. A run whose scores cannot be read is named once for
    all conditions on scores, and what is not compared once for all differences.

    Args:
        texts: the conditions under which a check fails: `worse`, or
            `SPLIT.TASK.METRIC OPERATOR NUMBER`. `SPLIT.TASK.scenarios.SCENARIO.METRIC`
            is the metric on the rows of a scenario. With `.difference` at its end, a
            name is the difference to the baseline, not the score itself.
        runs: the runs to check.
        comparisons: the comparisons of the runs.
        folders: the folders on the command line. A run without scores fails every check
            if the run folder itself is on the command line, or if the run is damaged.

    Raises:
        ConfigError: if a text is not a condition, none of the runs has the metric, or
            no configuration is compared with a baseline.
    """
    if not texts:
        return []
    checked = comparisons_to_check(comparisons)
    differences = differences_to_baseline(checked)
    checks_verdicts = WORSE in map(str.strip, texts)
    if checks_verdicts:
        check_compared(WORSE, differences)
    conditions = parse_conditions(
        [t for t in texts if t.strip() != WORSE], runs, differences
    )
    means = {c: mean_scores(c) for c in group_runs(runs)}
    messages = []
    for condition in conditions:
        if condition.name in differences:
            failed = failed_differences(condition, differences[condition.name])
        else:
            failed = failed_means(condition, means)
        messages += [f"--fail-if '{condition.text}': {text}" for text in failed]
    if checks_verdicts:
        failed = failed_verdicts(differences, differences_of_unknown_metrics(checked))
        messages += [f"--fail-if {WORSE}: {text}" for text in failed]
    are_on_differences = [condition.name in differences for condition in conditions]
    if not all(are_on_differences):
        messages += [f"--fail-if: {text}" for text in without_scores(runs, folders)]
    if any(are_on_differences) or checks_verdicts:
        not_compared = without_comparison(runs, list(means), comparisons)
        messages += [f"--fail-if: {text}" for text in not_compared]
    return messages


def comparisons_to_check(
    comparisons: list[DatasetComparison],
) -> list[DatasetComparison]:
    """Returns the comparisons whose differences are checked.

    If there is a comparison of lines, it covers all days together. The comparisons of
    single days are then left out, but for the tasks whose metric is unknown: lines are
    not compared by such a metric.
    """
    if not any(comparison.is_of_lines for comparison in comparisons):
        return comparisons
    return [
        with_unknown_metrics_only(c) if c.is_day_of_lines else c for c in comparisons
    ]


def with_unknown_metrics_only(comparison: DatasetComparison) -> DatasetComparison:
    """Returns a comparison without the tasks whose metric is known."""
    tasks = [task for task in comparison.tasks if not task.is_metric_known]
    return replace(comparison, tasks=tasks)


def differences_of_unknown_metrics(comparisons: list[DatasetComparison]) -> set[str]:
    """Returns the names of differences whose metric has an unknown direction."""
    return {
        difference_name(comparison, task)
        for comparison in comparisons
        for task in comparison.all_tasks
        if not task.is_metric_known
    }


def failed_means(
    condition: Condition, means: dict[Configuration, dict[str, float]]
) -> Iterator[str]:
    """Yields a text for each configuration whose mean score meets the condition.

    `means` are the results of `mean_scores`.
    """
    _, twins = split_single_scenario(list(means))
    is_of_all_rows = SCENARIOS not in condition.name
    for configuration, mean_by_name in means.items():
        if is_of_all_rows and configuration in twins:
            continue  # the twin has no scores on the rows of other scenarios
        if is_twin_of_other_scenario(configuration, condition.name):
            continue
        mean = mean_by_name.get(condition.name)
        if mean is None:
            yield f"{configuration.name} has no {condition.name}"
        elif condition.holds(mean):
            yield f"{configuration.name} has {condition.name} = {mean:.6g}"


def failed_differences(
    condition: Condition, differences: list[Difference]
) -> Iterator[str]:
    """Yields a text for each configuration whose difference meets the condition."""
    for difference in differences:
        if difference.interval is None:
            yield undecided_message(difference, condition.name)
        elif condition.holds(difference.mean):
            yield (
                f"{difference.configuration.name} has {condition.name} = "
                f"{difference.mean:+.6g}"
            )


def failed_verdicts(
    differences_by_name: dict[str, list[Difference]], of_unknown_metrics: set[str]
) -> Iterator[str]:
    """Yields a text for each configuration that is worse, or may be.

    `of_unknown_metrics` are the names of the differences of unknown metrics.
    """
    for name, differences in differences_by_name.items():
        for difference in differences:
            verdict = difference.verdict
            if difference.scenario and verdict == Verdict.TOO_FEW_ROWS:
                continue  # more seeds or days would not help
            if verdict in UNDECIDED:
                yield undecided_message(difference, name)
            elif verdict == Verdict.DIFFERENT and name in of_unknown_metrics:
                yield cannot_be_compared(difference, name, UNKNOWN_METRIC)
            elif verdict in FAILED:
                yield (
                    f"{difference.configuration.name} is {FAILED[verdict]} "
                    f"{difference.other.name}: {name} = {difference.mean:+.6g}"
                )


def without_scores(runs: list[Run], folders: list[str]) -> list[str]:
    """Returns a text for each run whose scores are missing, see `failed_checks`."""
    named_folders = {Path(folder).resolve() for folder in folders}
    return [
        f"{run.path} cannot be checked: {run.status}"
        for run in runs
        if not run.is_readable
        or (not run.has_scores and run.path.resolve() in named_folders)
    ]


def without_comparison(
    runs: list[Run],
    configurations: list[Configuration],
    comparisons: list[DatasetComparison],
) -> Iterator[str]:
    """Yields a text for each configuration and damaged run that is not compared."""
    compared_runs = {
        run.path
        for comparison in comparisons
        for configuration in comparison.configurations
        for run in configuration.all_runs
    }
    _, twins = split_single_scenario(configurations)
    for configuration in configurations:
        is_compared = not compared_runs.isdisjoint(configuration.folders)
        if is_compared or configuration in twins:
            continue
        states = dict.fromkeys(
            run.status for run in configuration.all_runs if not run.has_scores
        )
        reason = ", ".join(states) or "it is scored on other data"
        yield f"{configuration.name} is not compared with the baseline: {reason}"
    for run in runs:
        if not run.is_readable:
            yield f"{run.path} is not compared with the baseline: {run.status}"


def undecided_message(difference: Difference, name: str) -> str:
    """Says why a difference to the baseline is unknown."""
    return cannot_be_compared(difference, name, UNDECIDED[difference.verdict])


def cannot_be_compared(difference: Difference, name: str, reason: str) -> str:
    """Says that nobody can tell which of two configurations is better, and why."""
    return (
        f"{difference.configuration.name} and {difference.other.name} cannot be "
        f"compared by {name}: {reason}"
    )
