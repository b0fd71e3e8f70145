"""Compares runs: one comparison for each data set."""

from collections.abc import Iterable
from pathlib import Path

from mtl_cli.compare.comparison import Comparison, compare
from mtl_cli.compare.runs import Run, read_runs
from mtl_cli.compare.warnings import warnings
from mtl_cli.core.errors import ConfigError


def compare_runs(
    folders: Iterable[str | Path],
    baseline: str | None = None,
    metric: str | None = None,
    split: str = "test",
) -> list[Comparison]:
    """Compares all runs at or below some folders.

    Args:
        folders: run folders, sweep folders, or folders that hold them.
        baseline: `KEY=VALUE[,KEY=VALUE]` of the configuration that all others are
            compared with; None for the first with `model=shared_bottom`, or else the
            first.
        metric: the metric to compare; None for each task's first.
        split: the split whose scores are compared: `test`, `valid` or `train`.

    Returns: one comparison for each data set, in the order in which they first ran.

    Raises:
        ConfigError: if there is nothing to compare, or a name is unknown.
    """
    runs = read_runs([str(folder) for folder in folders])
    return compare_datasets(runs, baseline, metric, split)


def compare_datasets(
    runs: list[Run], baseline: str | None, metric: str | None, split: str
) -> list[Comparison]:
    """Returns one comparison for each data set, with its warnings.

    A data set that cannot be compared becomes a warning of the first comparison.

    Raises:
        ConfigError: if no data set can be compared.
    """
    comparisons, errors = [], []
    for group in by_dataset(runs):
        try:
            comparison = compare(group, baseline, metric, split)
        except ConfigError as error:
            names = dict.fromkeys(map(dataset_of, group))
            errors.append((", ".join(filter(None, names)), error))
        else:
            comparison.warnings = warnings(comparison, group)
            comparisons.append(comparison)
    if not comparisons:
        raise errors[0][1]
    comparisons[0].warnings += [f"data set {name}: {error}" for name, error in errors]
    return comparisons


def by_dataset(runs: list[Run]) -> list[list[Run]]:
    """Groups runs, in order, by data set: of one name, or of data that two names share.

    Damaged runs that name none go with the first group.
    """
    hashes: dict[str, set[object]] = {}
    for run in runs:
        if run.status != "damaged":
            known = hashes.setdefault(dataset_of(run), set())
            known.add(run.environment.get("data_hash"))
    groups: list[list[str]] = []
    for name, own in hashes.items():
        for group in groups:
            if any(own & hashes[other] - {None} for other in group):
                group.append(name)
                break
        else:
            groups.append([name])
    if len(groups) < 2:
        return [runs]
    place = {name: i for i, group in enumerate(groups) for name in group}
    found: list[list[Run]] = [[] for _ in groups]
    for run in runs:
        found[place.get(dataset_of(run), 0)].append(run)
    return found


def dataset_of(run: Run) -> str:
    """Returns the name of a run's data set."""
    return run.settings.get("dataset.name", "")
