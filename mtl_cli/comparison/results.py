"""The result of a comparison: all configurations, tasks and warnings of a data set."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.task import COMPARED_WITH, Task
from mtl_cli.core.message_text import counted
from mtl_cli.core.nested import flatten

if TYPE_CHECKING:
    from pandas import DataFrame

TESTS = ("over_seeds", "over_rows")  # keys of `Difference.as_dict`


@dataclass(eq=False)
class DatasetComparison:
    """Everything that is reported about the runs of one data set.

    Attributes:
        dataset: the name of the data set, see `datasets.unique_names`.
        configurations: the configurations that have scores, in the order of their runs.
        differing_keys: the dotted settings in which the configurations differ.
        unscored: the configurations that are left out because they have no scores.
        warnings: reasons to trust the comparison less, such as few seeds.
        is_of_lines: whether each configuration is a line: a chain of runs, each of
            which starts from the run of the day before, see `lines.py`. Days then take
            the place of seeds.
    """

    dataset: str
    configurations: list[Configuration]
    differing_keys: list[str]
    baseline: Configuration
    baseline_reason: str
    split: str
    tasks: list[Task]
    unscored: list[Configuration] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    is_of_lines: bool = False

    @property
    def shown_keys(self) -> list[str]:
        """The settings that tables show: those that differ, or else `model.name`."""
        return self.differing_keys or ["model.name"]

    def shown_settings(self, configuration: Configuration) -> dict[str, str | None]:
        """Returns {key in `shown_keys`: value}, with None for a missing setting."""
        return {key: configuration.settings.get(key) for key in self.shown_keys}

    @property
    def heading(self) -> str:
        """The heading: `4 configurations on adult`, `2 lines of shop over days`."""
        if self.is_of_lines:
            return f"{self.count_text} of {self.dataset} over days"
        return f"{self.count_text} on {self.dataset}"

    @property
    def count_text(self) -> str:
        """The number of configurations or lines, such as `4 configurations`."""
        noun = "line" if self.is_of_lines else "configuration"
        return counted(len(self.configurations), noun)

    @property
    def num_runs(self) -> int:
        return sum(len(c.runs) for c in self.configurations)

    @property
    def is_day_of_lines(self) -> bool:
        """Whether all configurations are runs of lines, compared on a single day."""
        return not self.is_of_lines and all(c.is_in_line for c in self.configurations)

    @property
    def all_tasks(self) -> list[Task]:
        """Each task on all rows, followed by the task on the rows of each scenario."""
        return [t for task in self.tasks for t in (task, *task.scenarios)]

    @property
    def by_scenario(self) -> "dict[str, DatasetComparison]":
        """The comparison on the rows of each scenario; {} without scenarios.

        A task without a score on the rows of a scenario is left out there.
        """
        by_scenario: dict[str, DatasetComparison] = {}
        for task in self.all_tasks:
            if task.scenario and any(score.by_replicate for score in task.scores):
                on_scenario = replace(self, tasks=[])
                by_scenario.setdefault(task.scenario, on_scenario).tasks.append(task)
        return by_scenario

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields {column: value, not rounded} for each configuration and task.

        If tasks have scenarios, there is a row for each of `all_tasks`, and a column
        `scenario`, which is "" for a task on all rows.
        """
        tasks = self.all_tasks
        for i, configuration in enumerate(self.configurations):
            settings = self.shown_settings(configuration)
            for task in tasks:
                row = {"dataset": self.dataset, **settings, "task": task.name}
                if len(tasks) > len(self.tasks):
                    row["scenario"] = task.scenario
                yield row | score_cells(task.score_dict(i))

    def to_frame(self) -> "DataFrame":
        import pandas as pd

        return pd.DataFrame(self.rows())


def score_cells(score: dict[str, Any]) -> dict[str, Any]:
    """Returns the result of `Task.score_dict` as the cells of a row.

    A missing difference or test has no columns, such as `to_baseline.over_rows.p`.
    """
    nested = {k: v for k, v in score.items() if k not in ("by_seed", "scenarios")}
    differences_and_tests = (*(f"to_{k}" for k in COMPARED_WITH), *TESTS)
    return {
        key: value
        for key, value in flatten(nested).items()
        if value is not None or not key.endswith(differences_and_tests)
    }


def without_earlier_days(
    comparisons: list[DatasetComparison],
) -> list[DatasetComparison]:
    """Leaves out single days of lines, except for the last day of each data set."""
    # All days of a line have the same `dataset.name`, but different `dataset`.
    last_days = {
        c.baseline.settings.get("dataset.name"): c
        for c in comparisons
        if c.is_day_of_lines
    }
    return [c for c in comparisons if not c.is_day_of_lines or c in last_days.values()]
