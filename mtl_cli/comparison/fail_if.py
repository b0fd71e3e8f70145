"""Checks runs for continuous integration: `--fail-if 'test.income.auc<0.91'`.

A condition is about a score, about the difference of a score to the baseline, or about
the verdicts: `--fail-if worse`.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from mtl_cli.comparison.configurations import Configuration, group_runs
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.twins import split_single_scenario
from mtl_cli.core.conditions import Condition, check_known, parse_condition
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list

WORSE = "worse"  # holds if a configuration is worse than the baseline, or behind it
# {verdict under which `worse` holds: its words in the message}.
WORSE_VERDICTS = {
    Verdict.WORSE: "worse than",
    Verdict.BEHIND: "behind",
    Verdict.DIFFERENT: "different, by a metric without a known direction, from",
}
# The verdicts under which a configuration is not worse. All others are undecided.
NOT_WORSE = (Verdict.BETTER, Verdict.AHEAD, Verdict.NOT_REAL, Verdict.THESE_ROWS_ONLY)
# Stands between the task and the scenario, as in `test.buy.scenarios.7.auc`.
SCENARIOS = ".scenarios."
DIFFERENCE = ".difference"  # the end of the name of a difference to the baseline


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
    checked = comparisons
    if any(comparison.is_of_lines for comparison in comparisons):
        # The comparison of lines covers all days together.
        checked = [c for c in comparisons if not c.is_day_of_lines]
    differences = differences_to_baseline(checked)
    configurations = group_runs(runs)
    scores = {run: run.flat_scores(scenarios=True) for run in runs}
    known_names = [name for by_name in scores.values() for name in by_name]
    messages = []
    checks_scores = checks_differences = False
    for text in map(str.strip, texts):
        condition = None
        if text != WORSE:
            example = "test.income.auc<0.91"
            condition = parse_condition(text, "SPLIT.TASK.METRIC", example)
        if condition is not None and not condition.name.endswith(DIFFERENCE):
            checks_scores = True
            check_known(condition, known_names, "run")
            failures = score_failures(condition, configurations, scores)
        else:
            checks_differences = True
            failures = difference_failures(text, condition, differences)
        messages += [f"--fail-if '{text}': {failure}" for failure in failures]
    # The next messages hold for several conditions, but each is given only once.
    checked_folders = {Path(folder).resolve() for folder in folders if checks_scores}
    messages += [
        f"--fail-if: {run.path} cannot be checked: {run.status}"
        for run in runs
        if not run.is_readable
        or (not run.has_scores and run.path.resolve() in checked_folders)
    ]
    if checks_differences:
        missing = missing_comparisons(configurations, comparisons)
        messages += [f"--fail-if: {text}" for text in missing]
    return messages


def score_failures(
    condition: Condition,
    configurations: list[Configuration],
    scores: dict[Run, dict[str, float | None]],
) -> Iterator[str]:
    """Yields a text for each configuration whose mean score meets the condition.

    A configuration also fails if the score of a seed is undefined: its predictions may
    not be finite.

    `scores` are the `flat_scores` of each run.
    """
    _, twins = split_single_scenario(configurations)
    scenario = condition.name.partition(SCENARIOS)[2].rpartition(".")[0]
    for configuration in configurations:
        is_twin_on_all_rows = configuration in twins and not scenario
        if is_twin_on_all_rows or not configuration.is_scored_on(scenario):
            continue  # counts as passed, see `failed_checks`
        values = {
            run.seed: scores[run].get(condition.name)
            for run in configuration.runs.values()
        }
        known_values = [value for value in values.values() if value is not None]
        if not known_values:
            yield f"{configuration.name} has no {condition.name}"
        elif len(known_values) < len(values):
            seeds = comma_list(str(s) for s, value in values.items() if value is None)
            yield f"{configuration.name} has no {condition.name} for seed {seeds}"
        elif condition.holds(mean := fmean(known_values)):
            yield f"{configuration.name} has {condition.name} = {mean:.6g}"


def differences_to_baseline(
    comparisons: list[DatasetComparison],
) -> dict[str, list[Difference]]:
    """Returns {dotted name, such as `test.income.auc.difference`: the differences}."""
    differences = defaultdict(list)
    for comparison in comparisons:
        for task in comparison.all_tasks:
            scenario = f"{SCENARIOS}{task.scenario}" if task.scenario else ""
            name = f"{comparison.split}.{task.name}{scenario}.{task.metric}{DIFFERENCE}"
            if not task.score(comparison.baseline).by_replicate:
                continue  # an output that the baseline does not have
            for score in task.scores:
                is_scored = score.configuration.is_scored_on(task.scenario)
                if is_scored and score.configuration is not comparison.baseline:
                    differences[name].append(score.differences["baseline"])
    return dict(differences)


def difference_failures(
    text: str, condition: Condition | None, differences: dict[str, list[Difference]]
) -> Iterator[str]:
    """Yields a text for each configuration whose difference meets the condition.

    Args:
        text: the condition as text.
        condition: the condition; None for `worse`.
        differences: {dotted name: differences to the baseline}.
    """
    if not differences:
        raise ConfigError(
            f"--fail-if '{text}': no two configurations are compared; name the "
            "runs of at least two"
        )
    if condition is None:
        yield from worse_failures(differences)
        return
    options = " (--metric and --split choose what is compared)"
    check_known(condition, differences, "comparison", options)
    for difference in differences[condition.name]:
        if difference.interval is None:
            yield undecided_message(difference, condition.name)
        elif condition.holds(difference.mean):
            yield (
                f"{difference.configuration.name} has {condition.name} = "
                f"{difference.mean:+.6g}"
            )


def worse_failures(differences_by_name: dict[str, list[Difference]]) -> Iterator[str]:
    """Yields a text for each configuration that is worse, or may be worse."""
    for name, differences in differences_by_name.items():
        for difference in differences:
            verdict = difference.verdict
            if difference.scenario and verdict == Verdict.TOO_FEW_ROWS:
                continue  # counts as passed, see `failed_checks`
            if verdict in WORSE_VERDICTS:
                yield (
                    f"{difference.configuration.name} is {WORSE_VERDICTS[verdict]} "
                    f"{difference.other.name}: {name} = {difference.mean:+.6g}"
                )
            elif verdict not in NOT_WORSE:
                yield undecided_message(difference, name)


def undecided_message(difference: Difference, name: str) -> str:
    return (
        f"{difference.configuration.name} and {difference.other.name} cannot be "
        f"compared by {name}: {difference.verdict}"
    )


def missing_comparisons(
    configurations: list[Configuration], comparisons: list[DatasetComparison]
) -> Iterator[str]:
    """Yields a text for each configuration that is not compared."""
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
