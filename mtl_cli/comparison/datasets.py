"""Groups runs by their data set, and names the data sets."""

from functools import cache

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import equal_rows, read_test_rows
from mtl_cli.metrics.metric import Floats

MAX_SETTINGS = 8  # in the name of a group
# The keys below `dataset` in a run's configuration, with their values.
DatasetSettings = tuple[tuple[str, str], ...]


def group_by_dataset(runs: list[Run]) -> dict[str, list[Run]]:
    """Groups runs by their data set; returns {name of the group: its runs}.

    Two runs belong together in any of these cases:

    - their dataset settings are equal;
    - they read the same data (`data_hash`), even if the names of the data sets differ;
    - their data sets have the same name, and they were scored on the same test rows, or
      the data of one run is unknown, because it failed early.

    So each value of a setting that changes the data, such as `dataset.correlation` of
    generated data, has a group of its own. Damaged runs join the first group.
    """
    runs_by_settings: dict[DatasetSettings, list[Run]] = {}
    for run in runs:
        if run.status != "damaged":
            runs_by_settings.setdefault(dataset_settings(run), []).append(run)
    groups = group_settings(runs_by_settings)
    names = group_names(groups) or [""]
    group_by_settings = {
        settings: name
        for name, group in zip(names, groups, strict=False)
        for settings in group
    }
    runs_by_group: dict[str, list[Run]] = {name: [] for name in names}
    for run in runs:
        name = group_by_settings.get(dataset_settings(run), names[0])
        runs_by_group[name].append(run)
    return runs_by_group


def group_settings(
    runs_by_settings: dict[DatasetSettings, list[Run]],
) -> list[list[DatasetSettings]]:
    """Groups dataset settings whose runs belong together, in order of appearance."""
    hashes = {
        settings: {run.environment.get("data_hash") for run in runs} - {None}
        for settings, runs in runs_by_settings.items()
    }

    @cache
    def rows_of(settings: DatasetSettings) -> dict[str, Floats]:
        scored = [run for run in runs_by_settings[settings] if run.scored]
        return read_test_rows(scored[:1])

    def belong_together(a: DatasetSettings, b: DatasetSettings) -> bool:
        if hashes[a] & hashes[b]:
            return True
        if dataset_name(a) != dataset_name(b):
            return False
        return not hashes[a] or not hashes[b] or equal_rows(rows_of(a), rows_of(b))

    groups: list[list[DatasetSettings]] = []
    # Settings of unknown data fit every group of their name, and join the first group.
    # Such settings come last: as the first members of a group, they would draw in
    # settings that do not belong together.
    for settings in sorted(runs_by_settings, key=lambda settings: not hashes[settings]):
        for group in groups:
            if any(belong_together(settings, other) for other in group):
                group.append(settings)
                break
        else:
            groups.append([settings])
    appearance = list(runs_by_settings).index
    return sorted(groups, key=lambda group: min(map(appearance, group)))


def dataset_settings(run: Run) -> DatasetSettings:
    """Returns the settings of a run's data set, including the data set's name."""
    items = run.settings.items()
    return tuple((k, value) for k, value in items if k.startswith("dataset."))


def dataset_name(settings: DatasetSettings) -> str:
    """Returns the name of a data set."""
    return dict(settings).get("dataset.name", "")


def group_names(groups: list[list[DatasetSettings]]) -> list[str]:
    """Names each group by its data sets, and if groups share a name, by settings too.

    Groups that these settings do not distinguish are numbered.
    """
    dataset_names = [
        ", ".join(dict.fromkeys(filter(None, map(dataset_name, group))))
        for group in groups
    ]
    names: list[str] = []
    for name, group in zip(dataset_names, groups, strict=True):
        namesakes = [
            other
            for other, other_name in zip(groups, dataset_names, strict=True)
            if other_name == name
        ]
        all_keys = dict.fromkeys(
            key for other in namesakes for settings in other for key, _ in settings
        )
        keys = [
            key
            for key in all_keys
            if len({values_text(key, other) for other in namesakes}) > 1
        ]
        shown = [f"{short_key(key, keys)}={values_text(key, group)}" for key in keys]
        names.append(" ".join([name, *shown[:MAX_SETTINGS]]))
    counts = [names[:i].count(name) for i, name in enumerate(names)]
    return [
        f"{name} ({count + 1})" if count else name
        for name, count in zip(names, counts, strict=True)
    ]


def values_text(key: str, group: list[DatasetSettings]) -> str:
    """Returns all values of a setting in a group, such as `0.5,0.9`."""
    return ",".join(dict.fromkeys(dict(settings).get(key, "") for settings in group))
