"""Compares the runs of each data set among themselves."""

from mtl_cli.compare.comparison import Comparison, compare
from mtl_cli.compare.runs import Run
from mtl_cli.compare.warnings import warnings
from mtl_cli.core.errors import ConfigError


def compare_each(
    runs: list[Run], wanted: str | None, metric: str | None, split: str
) -> list[Comparison]:
    """Returns a comparison for each data set, see `compare`, with its warnings.

    Where some cannot be compared, a warning says why.

    Raises:
        ConfigError: if none can be compared.
    """
    found, errors = [], []
    for group in by_dataset(runs):
        try:
            result = compare(group, wanted, metric, split)
        except ConfigError as error:
            names = dict.fromkeys(map(dataset_of, group))
            errors.append((", ".join(filter(None, names)), error))
        else:
            result.warnings = warnings(result, group)
            found.append(result)
    if not found:
        raise errors[0][1]
    found[0].warnings += [f"data set {name}: {error}" for name, error in errors]
    return found


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
