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
# {verdict under which `worse` holds: its words in the message}.
WORSE_VERDICTS = {Verdict.WORSE: "worse than", Verdict.BEHIND: "behind"}
# {verdict that does not say which of two configurations is better: the reason}.
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

    A check that cannot be made counts as failed: the configuration has no score, is not
    compared with the baseline, or the tests cannot tell whether it is worse. These
    cases count as passed:

    - A single-scenario twin has no scores on the rows of other scenarios.
    - An output has no difference, because the baseline does not have the output.
    - `worse` is unknown on a scenario with too few rows to compare two models of lines.
    - On a day on which only one line (a chain of daily runs) has a run, the baseline is
      missing, but the line is compared with the baseline on another day.

    Args:
        texts: the conditions under which a check fails: `worse`, or a condition on a
            score, `SPLIT.TASK.METRIC OPERATOR NUMBER`. A score on the rows of a
            scenario is `SPLIT.TASK.scenarios.SCENARIO.METRIC`. The difference of a
            score to the baseline has the name of the score with `.difference` added.
        runs: the runs to check.
        comparisons: the comparisons of the runs.
        folders: the folders on the command line. A run without scores fails if the run
            folder itself is one of them, or if the run is damaged.

    Raises:
        ConfigError: if a text is not a condition, none of the runs has the metric, or
            no configuration is compared with a baseline.
    """
    if not texts:
        return []
    checked = comparisons_to_check(comparisons)
    differences = differences_to_baseline(checked)
    checks_worse = WORSE in map(str.strip, texts)
    if checks_worse:
        check_compared(WORSE, differences)
    conditions = parse_conditions(
        [t for t in texts if t.strip() != WORSE], runs, differences
    )
    means = {c: mean_scores(c) for c in group_runs(runs)}
    messages = []
    checks_scores = False
    checks_differences = checks_worse
    for condition in conditions:
        if condition.name in differences:
            checks_differences = True
            failures = difference_failures(condition, differences[condition.name])
        else:
            checks_scores = True
            failures = score_failures(condition, means)
        messages += [f"--fail-if '{condition.text}': {text}" for text in failures]
    if checks_worse:
        failures = worse_failures(differences, names_of_unknown_metrics(checked))
        messages += [f"--fail-if {WORSE}: {text}" for text in failures]
    # The next messages hold for several conditions, but each is given only once.
    if checks_scores:
        messages += [f"--fail-if: {text}" for text in missing_scores(runs, folders)]
    if checks_differences:
        missing = missing_comparisons(runs, list(means), comparisons)
        messages += [f"--fail-if: {text}" for text in missing]
    return messages


def comparisons_to_check(
    comparisons: list[DatasetComparison],
) -> list[DatasetComparison]:
    """Returns the comparisons whose differences are checked.

    If there is a comparison of lines, it covers all days together, but not the metrics
    whose direction is unknown. The comparisons of single days then keep only the tasks
    with such a metric.
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


def names_of_unknown_metrics(comparisons: list[DatasetComparison]) -> set[str]:
    """Returns the names of the differences whose metric is unknown."""
    return {
        difference_name(comparison, task)
        for comparison in comparisons
        for task in comparison.all_tasks
        if not task.is_metric_known
    }


def score_failures(
    condition: Condition, means: dict[Configuration, dict[str, float]]
) -> Iterator[str]:
    """Yields a text for each configuration whose mean score meets the condition.

    `means` is {configuration: its `mean_scores`}.
    """
    _, twins = split_single_scenario(list(means))
    is_on_all_rows = SCENARIOS not in condition.name
    for configuration, mean_by_name in means.items():
        # A single-scenario twin has no scores on the rows of other scenarios.
        if is_on_all_rows and configuration in twins:
            continue
        if is_twin_of_other_scenario(configuration, condition.name):
            continue
        mean = mean_by_name.get(condition.name)
        if mean is None:
            yield f"{configuration.name} has no {condition.name}"
        elif condition.holds(mean):
            yield f"{configuration.name} has {condition.name} = {mean:.6g}"


def difference_failures(
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


def worse_failures(
    differences_by_name: dict[str, list[Difference]], unknown_names: set[str]
) -> Iterator[str]:
    """Yields a text for each configuration that is worse, or may be worse.

    `unknown_names` are the names of the differences whose metric is unknown.
    """
    for name, differences in differences_by_name.items():
        for difference in differences:
            verdict = difference.verdict
            if difference.scenario and verdict == Verdict.TOO_FEW_ROWS:
                continue  # counts as passed, see `failed_checks`
            if verdict in UNDECIDED:
                yield undecided_message(difference, name)
            elif verdict == Verdict.DIFFERENT and name in unknown_names:
                yield cannot_be_compared(difference, name, UNKNOWN_METRIC)
            elif verdict in WORSE_VERDICTS:
                yield (
                    f"{difference.configuration.name} is {WORSE_VERDICTS[verdict]} "
                    f"{difference.other.name}: {name} = {difference.mean:+.6g}"
                )


def missing_scores(runs: list[Run], folders: list[str]) -> list[str]:
    """Returns a text for each run whose scores are missing, see `failed_checks`."""
    named_folders = {Path(folder).resolve() for folder in folders}
    return [
        f"{run.path} cannot be checked: {run.status}"
        for run in runs
        if not run.is_readable
        or (not run.has_scores and run.path.resolve() in named_folders)
    ]


def missing_comparisons(
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
        unscored = [run for run in configuration.all_runs if not run.has_scores]
        distinct_states = dict.fromkeys(run.status for run in unscored)
        reason = ", ".join(distinct_states) or "it is scored on other data"
        yield f"{configuration.name} is not compared with the baseline: {reason}"
    for run in runs:
        if not run.is_readable:
            yield f"{run.path} is not compared with the baseline: {run.status}"


def undecided_message(difference: Difference, name: str) -> str:
    """Says why a difference to the baseline is unknown."""
    return cannot_be_compared(difference, name, UNDECIDED[difference.verdict])


def cannot_be_compared(difference: Difference, name: str, reason: str) -> str:
    """Says why it is unknown which of two configurations is better."""
    return (
        f"{difference.configuration.name} and {difference.other.name} cannot be "
        f"compared by {name}: {reason}"
    )
