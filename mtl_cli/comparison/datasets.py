"""Groups runs by their data set, and names the data sets."""

from functools import cache

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import equal_rows, test_rows
from mtl_cli.metrics.metric import Floats

MAX_SETTINGS = 8  # in the name of a data set
# The keys below `dataset` in a run's configuration, with their values.
DatasetSettings = tuple[tuple[str, str], ...]


def group_by_dataset(runs: list[Run]) -> dict[str, list[Run]]:
    """Groups runs by their data set; returns {name of the data set: its runs}.

    Runs belong together if they read the same data (`data_hash`), under whatever name.
    Runs of one name with different data belong together if their dataset settings are
    equal, or if they were scored on the same test rows. Otherwise each value of a
    setting, such as `dataset.correlation` of generated data, has a group of its own.

    Damaged runs, whose data set is unknown, join the first group.
    """
    runs_by_settings: dict[DatasetSettings, list[Run]] = {}
    for run in runs:
        if run.status != "damaged":
            runs_by_settings.setdefault(dataset_settings(run), []).append(run)
    groups = group_settings(runs_by_settings)
    names = dataset_names(groups) or [""]
    name_by_settings = {
        settings: name
        for name, group in zip(names, groups, strict=False)
        for settings in group
    }
    runs_by_name: dict[str, list[Run]] = {name: [] for name in names}
    for run in runs:
        name = name_by_settings.get(dataset_settings(run), names[0])
        runs_by_name[name].append(run)
    return runs_by_name


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
        return test_rows(scored[:1])

    def belong_together(a: DatasetSettings, b: DatasetSettings) -> bool:
        if hashes[a] & hashes[b]:
            return True
        if name_of(a) != name_of(b):
            return False
        return not hashes[a] or not hashes[b] or equal_rows(rows_of(a), rows_of(b))

    groups: list[list[DatasetSettings]] = []
    # Settings of unknown data would belong to several groups. They come last, because a
    # group that began with them would draw in settings that do not belong together.
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


def name_of(settings: DatasetSettings) -> str:
    """Returns the name of a data set."""
    return dict(settings).get("dataset.name", "")


def dataset_names(groups: list[list[DatasetSettings]]) -> list[str]:
    """Names each group uniquely: by its data sets, and the settings that differ."""
    names = [
        ", ".join(dict.fromkeys(filter(None, map(name_of, group)))) for group in groups
    ]
    full_names: list[str] = []
    for name, group in zip(names, groups, strict=True):
        namesakes = [g for n, g in zip(names, groups, strict=True) if n == name]
        all_keys = dict.fromkeys(k for g in namesakes for s in g for k, _ in s)
        keys = [k for k in all_keys if len({values_of(k, g) for g in namesakes}) > 1]
        settings = [f"{short_key(key, keys)}={values_of(key, group)}" for key in keys]
        full_names.append(" ".join([name, *settings[:MAX_SETTINGS]]))
    counts = [full_names[:i].count(name) for i, name in enumerate(full_names)]
    return [
        f"{name} ({count + 1})" if count else name
        for name, count in zip(full_names, counts, strict=True)
    ]


def values_of(key: str, group: list[DatasetSettings]) -> str:
    """Returns all values of a setting in a group, such as `0.5,0.9`."""
    return ",".join(dict.fromkeys(dict(settings).get(key, "") for settings in group))
