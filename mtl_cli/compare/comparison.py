"""The comparison itself: each task's numbers, differences, and the best."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from mtl_cli.compare.compared_metrics import direction_of, metrics_of, no_scores
from mtl_cli.compare.configurations import (
    Configuration,
    baseline,
    configurations,
    name,
    twins_of,
)
from mtl_cli.compare.pairwise import FEW, OTHER, Versus, decide
from mtl_cli.compare.runs import Run
from mtl_cli.compare.same_rows import same_rows
from mtl_cli.compare.statistics import (
    NO_NOISE,
    Interval,
    Noise,
    mean_interval,
    noise,
    paired,
    seed_test,
)
from mtl_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from pandas import DataFrame

Same = Callable[[Configuration, Configuration], bool]


@dataclass(eq=False)
class Cell:
    """A configuration on one task.

    Attributes:
        configuration: the row.
        values: of the metric, by seed.
        mean: over seeds; None if no run has the metric.
        counts: rows and positives that were scored.
        against: the baseline; None for itself.
        twin: the same configuration with `model=single_task`.
    """

    configuration: Configuration
    values: dict[int, float]
    mean: Interval | None = None
    counts: tuple[object, object] = (None, None)
    against: Versus | None = None
    twin: Versus | None = None


@dataclass(eq=False)
class Task:
    """All configurations on one task.

    Attributes:
        name: the task's.
        metric: that is compared.
        direction: 1 if more is better, -1 if less, 0 if neither.
        cells: one a configuration.
        best: the cell chosen; None if there is no best.
        chosen_on: the split that it was chosen on.
    """

    name: str
    metric: str
    direction: int
    cells: list[Cell]
    best: Cell | None = None
    chosen_on: str = ""


@dataclass(eq=False)
class Comparison:
    """All that is reported.

    Attributes:
        configurations: that have scores, in order of appearance.
        without: those of which no run has.
        keys: settings that differ.
        baseline: the one that others are compared with.
        why: it is that one.
        split: that is scored.
        tasks: in order.
        notes: on what was left out.
        warnings: what makes it less than it seems, these notes among it.
    """

    configurations: list[Configuration]
    without: list[Configuration]
    keys: list[str]
    baseline: Configuration
    why: str
    split: str
    tasks: list[Task]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> str:
        """The name of the data set, or the names under which runs have its rows."""
        names = [one.settings.get("dataset.name", "") for one in self.configurations]
        return ", ".join(dict.fromkeys(filter(None, names)))

    def to_frame(self) -> "DataFrame":
        """Returns one row per configuration and task, as `mtl-compare --csv` has it."""
        import pandas as pd

        from mtl_cli.compare.records import as_json, flat

        rows = [row for one in as_json(self)["configurations"] for row in flat(one)]
        return pd.DataFrame(rows)


def compare(
    runs: list[Run], wanted: str | None, metric: str | None, split: str
) -> Comparison:
    """Compares all configurations with one of them.

    Args:
        runs: in order.
        wanted: the baseline, see `configurations.baseline`.
        metric: that is compared; None is each task's first.
        split: whose scores are compared.

    Raises:
        ConfigError: if nothing is left to compare.
    """
    every = configurations(runs)
    found = [c for c in every if any(split in r.metrics for r in c.runs.values())]
    if not found:
        raise ConfigError(no_scores(every, split))
    without = [one for one in every if one not in found]
    keys = name(found)
    base, why = baseline(found, keys, wanted)
    names = metrics_of(found, split, metric)
    twins = twins_of(found)
    tasks = [task_of(task, m, found, split) for task, m in names.items()]
    same = cache(lambda one, other: same_rows(one, other, split))
    for task in tasks:
        oppose(task, base, twins, same)
    result = Comparison(found, without, keys, base, why, split, tasks)
    if split == "test":
        from mtl_cli.compare.rows import test_rows

        test_rows(result)
    for task in tasks:
        choose(task, split)
        for family in ([c.against for c in task.cells], [c.twin for c in task.cells]):
            decide([each for each in family if each is not None], task.direction)
    return result


def task_of(name: str, metric: str, found: list[Configuration], split: str) -> Task:
    """Returns a task's means."""
    cells = []
    for one in found:
        cell = Cell(one, one.values(split, name, metric))
        if cell.values:
            cell.mean = mean_interval(list(cell.values.values()))
            run = one.runs[next(iter(cell.values))]
            scores = run.metrics[split][name]
            cell.counts = (scores.get("rows"), scores.get("positives"))
        cells.append(cell)
    return Task(name, metric, direction_of(metric), cells)


def oppose(
    task: Task,
    base: Configuration,
    twins: dict[Configuration, Configuration],
    same: Same,
) -> None:
    """Adds each cell's differences to the baseline and to its twin.

    Args:
        task: with its means.
        base: the baseline.
        twins: by configuration.
        same: whether two configurations were scored on the same rows.
    """
    by_configuration = {cell.configuration: cell for cell in task.cells}

    def alike(one: Cell, other: Cell) -> bool:
        counts = one.counts == other.counts
        return counts and same(one.configuration, other.configuration)

    scored = [cell for cell in task.cells if cell.mean is not None]
    pool = [cell for cell in scored if alike(cell, by_configuration[base])]
    every = noise_of(pool)

    def versus(cell: Cell, other: Cell) -> Versus:
        if cell.mean is None or other.mean is None:
            return Versus(other.configuration)
        if not alike(cell, other):
            return Versus(other.configuration, verdict=OTHER)
        if not (cell in pool and other in pool):
            return over_seeds(cell, other, NO_NOISE)
        own = noise_of([cell, other])
        rest = Noise(every.squares - own.squares, every.freedom - own.freedom)
        return over_seeds(cell, other, rest)

    for cell in task.cells:
        if cell.configuration is not base:
            cell.against = versus(cell, by_configuration[base])
        if cell.configuration in twins:
            cell.twin = versus(cell, by_configuration[twins[cell.configuration]])


def noise_of(cells: list[Cell]) -> Noise:
    """Returns the noise of some cells' seeds."""
    return noise([list(cell.values.values()) for cell in cells])


def over_seeds(cell: Cell, other: Cell, rest: Noise) -> Versus:
    """Compares two cells over seeds.

    Args:
        cell: the one.
        other: with which it is compared.
        rest: noise of all other configurations that were scored on the same rows.
    """
    result = Versus(other.configuration, verdict=FEW)
    result.paired = paired(cell.values, other.values)
    result.seeds = seed_test(*common_seeds(cell.values, other.values), rest)
    return result


def common_seeds(
    a: dict[int, float], b: dict[int, float]
) -> tuple[list[float], list[float]]:
    """Returns the values to test: of the seeds of both, if those are two or more."""
    both = [seed for seed in a if seed in b]
    if len(both) < 2:
        return list(a.values()), list(b.values())
    return [a[seed] for seed in both], [b[seed] for seed in both]


def choose(task: Task, split: str) -> None:
    """Names the best: on validation rows where all have them, else on these.

    One that was scored on other rows than the baseline has no place.
    """
    scored = [cell for cell in task.cells if cell.mean is not None]
    alike = [c for c in scored if c.against is None or c.against.verdict != OTHER]
    having = alike or scored  # which is when the baseline lacks the task
    if task.direction == 0 or len(having) < 2:
        return
    means = []
    for cell in having:
        values = cell.configuration.values("valid", task.name, task.metric)
        means.append(mean_interval(list(values.values())).mean if values else None)
    task.chosen_on = "valid"
    if None in means:
        task.chosen_on = split
        means = [cell.mean.mean for cell in having if cell.mean is not None]
    ranked = zip(having, means, strict=True)
    task.best = max(ranked, key=lambda pair: task.direction * (pair[1] or 0.0))[0]
