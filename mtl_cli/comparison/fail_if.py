"""Checks metrics for continuous integration: `--fail-if 'test.income.auc<0.91'`."""

from pathlib import Path
from statistics import fmean

from mtl_cli.comparison.configurations import Configuration, group_runs
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.twins import ONLY_SCENARIO
from mtl_cli.core.conditions import Condition, check_known, parse_condition


def parse_check(text: str, runs: list[Run]) -> Condition:
    """Reads a condition `SPLIT.TASK.METRIC OPERATOR NUMBER`.

    `SPLIT.TASK.scenarios.SCENARIO.METRIC` is the metric on the rows of a scenario.

    Raises:
        ConfigError: if the text is not a condition, or none of the runs has the metric.
    """
    condition = parse_condition(text, "SPLIT.TASK.METRIC", "test.income.auc<0.91")
    check_known(condition, (name for run in runs for name in all_scores(run)), "run")
    return condition


def all_scores(run: Run) -> dict[str, float | None]:
    """Returns the metrics and counts on all rows and on the rows of each scenario."""
    return run.flat_scores() | run.scenario_scores()


def failed_checks(
    conditions: list[Condition], runs: list[Run], folders: list[str]
) -> list[str]:
    """Returns one line for each configuration or run that fails a check.

    A configuration fails if the condition holds for the mean of its metric over seeds.
    A configuration without the metric fails too, because the check is impossible. The
    only exception: a single-scenario twin is not checked on other scenarios, because
    the twin cannot score them.

    Args:
        conditions: the conditions under which a check fails.
        runs: the runs at or below the folders.
        folders: the folders on the command line. A run without scores fails every check
            if the run folder itself is on the command line.
    """
    configurations = group_runs(runs) if conditions else []
    named_folders = {Path(folder).resolve() for folder in folders}
    unscored = [run for run in runs if not run.has_scores]
    named_runs = [run for run in unscored if run.path.resolve() in named_folders]
    lines = []
    for condition in conditions:
        failures = []
        for configuration in configurations:
            if is_twin_of_other_scenario(configuration, condition):
                continue
            by_run = (
                all_scores(run).get(condition.name)
                for run in configuration.runs.values()
            )
            values = [value for value in by_run if value is not None]
            if not values:
                failures.append(f"{configuration.name} has no {condition.name}")
                continue
            mean = fmean(values)
            if condition.holds(mean):
                failures.append(
                    f"{configuration.name} has {condition.name} = {mean:.6g}"
                )
        failures += [
            f"{run.path} cannot be checked: {run.status}" for run in named_runs
        ]
        lines += [f"--fail-if '{condition.text}': {failure}" for failure in failures]
    return lines


def is_twin_of_other_scenario(
    configuration: Configuration, condition: Condition
) -> bool:
    """Whether a condition is on a scenario, and a configuration knows only another."""
    own_scenario = configuration.settings.get(ONLY_SCENARIO, "null")
    is_on_scenario = ".scenarios." in condition.name
    is_on_own_scenario = f".scenarios.{own_scenario}." in condition.name
    return own_scenario != "null" and is_on_scenario and not is_on_own_scenario
