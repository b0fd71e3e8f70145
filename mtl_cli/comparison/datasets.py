"""Finds out which runs read the same data set, and names the data sets.

The runs of one data set may have different `dataset` settings, for example because the
files were moved. The settings of such a run are a variant of the data set.
"""

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import have_equal_test_rows, read_test_rows

if TYPE_CHECKING:
    import pyarrow as pa

MAX_SETTINGS = 8  # the largest number of settings in the name of a data set
# The settings of a run below `dataset`, as pairs (dotted key, value), sorted.
DatasetSettings = tuple[tuple[str, str], ...]
# The variants of one data set: the distinct `dataset` settings of its runs.
Variants = list[DatasetSettings]


def runs_by_dataset(runs: list[Run]) -> dict[str, list[Run]]:
    """Returns the runs of each data set: {unique name of the data set: its runs}.

    Two runs have the same data set if one of these conditions holds:

    - The runs have equal `dataset` settings.
    - The runs have the same `data_hash`: they read the same data, even if the names of
      the data sets differ.
    - Their data sets have the same name, and both runs were scored on the same test
      rows.
    - A third run has the same data set as each of the two.

    A run without a `data_hash` failed before it had read its data. If no run with equal
    settings has a hash, the run is added to the first data set with the same name. A
    damaged run is added to the data set that has its settings or, if there is none, to
    the first data set.
    """
    runs_by_settings: dict[DatasetSettings, list[Run]] = {}
    for run in runs:
        if run.is_readable:
            runs_by_settings.setdefault(dataset_settings(run), []).append(run)
    if not runs_by_settings:
        return {"": runs}
    hashes = {
        settings: {run.environment.get("data_hash") for run in group} - {None}
        for settings, group in runs_by_settings.items()
    }
    datasets = find_datasets(runs_by_settings, hashes)
    # The settings of runs that failed early do not count in the name of a data set.
    names = unique_names([[v for v in d if hashes[v]] or d for d in datasets])
    name_by_settings = {
        settings: name
        for name, variants in zip(names, datasets, strict=True)
        for settings in variants
    }
    runs_by_name: dict[str, list[Run]] = {name: [] for name in names}
    for run in runs:
        name = name_by_settings.get(dataset_settings(run), names[0])
        runs_by_name[name].append(run)
    return runs_by_name


def find_datasets(
    runs_by_settings: dict[DatasetSettings, list[Run]],
    hashes: dict[DatasetSettings, set[object]],
) -> list[Variants]:
    """Groups settings of the same data set, in the order of their first runs.

    `hashes` are the values of `data_hash` of the runs with these settings.
    """

    @cache
    def read_rows(settings: DatasetSettings) -> "pa.Table | None":
        scored_runs = [run for run in runs_by_settings[settings] if run.has_scores]
        return read_test_rows(scored_runs[:1])

    def have_same_data(a: DatasetSettings, b: DatasetSettings) -> bool:
        if hashes[a] & hashes[b]:
            return True
        have_same_name = dataset_name(a) == dataset_name(b)
        return have_same_name and have_equal_test_rows(read_rows(a), read_rows(b))

    datasets: list[Variants] = []
    for settings in filter(hashes.get, runs_by_settings):
        # If A and B have the same data, and B and C have it, all three are joined.
        linked = [d for d in datasets if any(have_same_data(settings, v) for v in d)]
        datasets = [d for d in datasets if d not in linked]
        datasets.append([*chain.from_iterable(linked), settings])
    # Settings without a hash are added last, so that they do not join two data sets.
    for settings in (s for s in runs_by_settings if not hashes[s]):
        name = dataset_name(settings)
        namesakes = [d for d in datasets if name in map(dataset_name, d)]
        if namesakes:
            namesakes[0].append(settings)
        else:
            datasets.append([settings])
    position = {settings: i for i, settings in enumerate(runs_by_settings)}
    return sorted(datasets, key=lambda dataset: min(position[s] for s in dataset))


def dataset_settings(run: Run) -> DatasetSettings:
    items = run.settings.items()
    return tuple(sorted(item for item in items if item[0].startswith("dataset.")))


def dataset_name(settings: DatasetSettings) -> str:
    """Returns the setting `dataset.name`; "" if it is missing."""
    return dict(settings).get("dataset.name", "")


def unique_names(datasets: list[Variants]) -> list[str]:
    """Returns a unique name for each data set.

    If several data sets have the same `dataset.name`, the settings in which they differ
    follow: `synthetic correlation=0.5`. If the names are still equal, because the data
    differ but the settings do not, a number follows: `shop (2)`.
    """
    all_values = [values_by_key(variants) for variants in datasets]
    names: list[str] = []
    for values in all_values:
        base_names = values.get("dataset.name", [])
        base_name = ", ".join(base_names)
        keys = differing_keys(
            [v for v in all_values if v.get("dataset.name", []) == base_names]
        )
        texts = [
            f"{short_key(key, keys)}={','.join(values[key])}"
            for key in keys
            if key in values
        ]
        name = " ".join([base_name, *texts[:MAX_SETTINGS]])
        unique_name = name
        number = 1
        # A name with a number may be taken too: `dataset.name` may be `shop (2)`.
        while unique_name in names:
            number += 1
            unique_name = f"{name} ({number})"
        names.append(unique_name)
    return names


def values_by_key(dataset: Variants) -> dict[str, list[str]]:
    """Returns {setting: its distinct values in the variants of a data set}."""
    values: dict[str, dict[str, None]] = {}
    for key, value in chain.from_iterable(dataset):
        if value:
            values.setdefault(key, {})[value] = None
    return {key: list(distinct) for key, distinct in values.items()}


def differing_keys(datasets: list[dict[str, list[str]]]) -> list[str]:
    """Returns the settings in which data sets differ, from their `values_by_key`.

    Settings of the data set itself, such as `dataset.train`, come before the settings
    of its features and tasks.
    """
    all_keys = sorted({key for values in datasets for key in values})
    all_keys.sort(key=lambda key: key.count(".") > 1)
    first = datasets[0]
    return [k for k in all_keys if any(v.get(k) != first.get(k) for v in datasets)]
