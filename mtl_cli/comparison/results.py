"""The result of a comparison: all configurations, tasks and warnings of a data set."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.task import Task
from mtl_cli.core.message_text import counted
from mtl_cli.core.nested import flatten

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(eq=False)
class DatasetComparison:
    """Everything that is reported about the runs of one data set.

    Attributes:
        dataset: the name of the data set, see `datasets.unique_names`.
        configurations: the configurations that have scores, in order of appearance.
        differing_keys: the dotted settings in which the configurations differ.
        baseline: the configuration that all others are compared with.
        baseline_reason: why this configuration is the baseline.
        split: the split whose scores are compared.
        tasks: the tasks with their scores.
        warnings: reasons to trust the comparison less, such as few seeds.
        is_of_lines: whether each configuration is a line: a chain of runs, each of
            which starts from the run of the day before, see `lines.py`. The days of a
            line take the place of seeds.
    """

    dataset: str
    configurations: list[Configuration]
    differing_keys: list[str]
    baseline: Configuration
    baseline_reason: str
    split: str
    tasks: list[Task]
    warnings: list[str] = field(default_factory=list)
    is_of_lines: bool = False

    @property
    def shown_keys(self) -> list[str]:
        """The settings that tables show, as dotted keys: those that differ.

        If no setting differs, tables show `model.name`.
        """
        return self.differing_keys or ["model.name"]

    def shown_settings(self, configuration: Configuration) -> dict[str, str | None]:
        """Returns {key in `shown_keys`: value}, with None for a missing setting."""
        return {key: configuration.settings.get(key) for key in self.shown_keys}

    @property
    def dataset_name(self) -> str:
        """The setting `dataset.name`. All days of a line have the same.

        The days have different `dataset`.
        """
        return self.baseline.settings.get("dataset.name", "")

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
        """The number of runs that are compared."""
        return sum(len(c.runs) for c in self.configurations)

    @property
    def is_day_of_lines(self) -> bool:
        """Whether all configurations are runs of lines, compared on a single day."""
        return not self.is_of_lines and all(c.is_in_line for c in self.configurations)

    @property
    def is_day_of_one_line(self) -> bool:
        """Whether this is a day of lines on which only one line has a run."""
        return self.is_day_of_lines and len(self.configurations) == 1

    @property
    def lone_tasks(self) -> list[Task]:
        """The tasks that only one of several configurations has.

        For example, only a configuration with the heads of ESMM has the output pCVR.
        """
        if len(self.configurations) < 2:
            return []
        return [
            t for t in self.tasks if sum(bool(s.by_replicate) for s in t.scores) < 2
        ]

    def for_people(self) -> "DatasetComparison":
        """Returns the comparison without lone tasks: they have nothing to compare.

        If all tasks are lone, all of them stay.
        """
        lone_tasks = self.lone_tasks
        if len(lone_tasks) == len(self.tasks):
            return self
        return replace(self, tasks=[t for t in self.tasks if t not in lone_tasks])

    @property
    def all_tasks(self) -> list[Task]:
        """Each task on all rows, followed by the task on the rows of each scenario."""
        return [t for task in self.tasks for t in (task, *task.scenarios)]

    @property
    def by_scenario(self) -> "dict[str, DatasetComparison]":
        """The comparison on the rows of each scenario; {} without scenarios.

        A task without a score on the rows of a scenario is left out there.
        """
        tasks: dict[str, list[Task]] = {}
        for task in self.all_tasks:
            if task.scenario and any(score.by_replicate for score in task.scores):
                tasks.setdefault(task.scenario, []).append(task)
        return {name: replace(self, tasks=tasks[name]) for name in tasks}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields one flat dict per configuration and task, with values not rounded.

        If tasks have scenarios, there is one dict for each of `all_tasks`. Every dict
        then has the key `scenario`; the value is "" for a task on all rows.
        """
        tasks = self.all_tasks
        for i, configuration in enumerate(self.configurations):
            settings = self.shown_settings(configuration)
            for task in tasks:
                row = {"dataset": self.dataset, **settings, "task": task.name}
                if len(tasks) > len(self.tasks):
                    row["scenario"] = task.scenario
                score = task.score_dict(i)
                del score["by_seed"]
                score.pop("scenarios", None)
                # A difference has columns such as `to_baseline.verdict`, and its tests
                # such as `to_baseline.over_rows.p`. A missing test has no columns.
                for key in [key for key in score if key.startswith("to_")]:
                    difference = score.pop(key)
                    for test in ("over_seeds", "over_rows"):
                        if difference and difference[test] is None:
                            del difference[test]
                    if difference:
                        score[key] = difference
                yield row | flatten(score)

    def to_frame(self) -> "DataFrame":
        """Returns a table with the columns of `mtl-compare --csv`, see `rows`."""
        import pandas as pd

        return pd.DataFrame(self.rows())


def without_earlier_days(
    comparisons: list[DatasetComparison],
) -> list[DatasetComparison]:
    """Leaves out single days of lines, except for the last day of each data set."""
    last_days = {c.dataset_name: c for c in comparisons if c.is_day_of_lines}
    return [
        c
        for c in comparisons
        if not c.is_day_of_lines or c is last_days[c.dataset_name]
    ]


def days_of_one_line(
    comparisons: list[DatasetComparison],
) -> list[list[DatasetComparison]]:
    """Returns the days on which only one line has a run, for each data set and model.

    Other settings, such as the learning rate, may change from day to day. A data set
    and model with a single day is left out.
    """
    days: dict[tuple[str, str], list[DatasetComparison]] = {}
    for comparison in comparisons:
        if comparison.is_day_of_one_line:
            key = comparison.dataset_name, comparison.baseline.model
            days.setdefault(key, []).append(comparison)
    return [of_line for of_line in days.values() if len(of_line) > 1]
