"""Groups runs by their data set, and names the data sets."""

from functools import cache

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import equal_rows, test_rows
from mtl_cli.metrics.metric import Floats

MAX_SETTINGS = 8  # in the name of a data set
Settings = tuple[tuple[str, str], ...]


def group_by_dataset(runs: list[Run]) -> dict[str, list[Run]]:
    """Groups runs, in order, by data set: the name of the data set to its runs.

    Runs belong together if they read the same data (`data_hash`), under whatever name.
    Runs of one name with different data belong together if their dataset settings are
    equal, or if they were scored on the same test rows. Otherwise each setting, such as
    `dataset.correlation` of generated data, has a group of its own.

    Damaged runs without a configuration join the first group.
    """
    by_settings: dict[Settings, list[Run]] = {}
    for run in runs:
        if run.status != "damaged":
            by_settings.setdefault(dataset_settings(run), []).append(run)
    groups = group_settings(by_settings)
    names = dataset_names(groups) or [""]
    indices = {settings: i for i, group in enumerate(groups) for settings in group}
    members: list[list[Run]] = [[] for _ in names]
    for run in runs:
        members[indices.get(dataset_settings(run), 0)].append(run)
    return dict(zip(names, members, strict=True))


def group_settings(by_settings: dict[Settings, list[Run]]) -> list[list[Settings]]:
    """Groups dataset settings whose runs belong together."""
    hashes = {
        settings: {run.environment.get("data_hash") for run in runs} - {None}
        for settings, runs in by_settings.items()
    }

    @cache
    def rows_of(settings: Settings) -> dict[str, Floats]:
        scored = [run for run in by_settings[settings] if run.scored]
        return test_rows(scored[0]) if scored else {}

    def together(a: Settings, b: Settings) -> bool:
        if hashes[a] & hashes[b]:
            return True
        if name_of(a) != name_of(b):
            return False
        return not hashes[a] or not hashes[b] or equal_rows(rows_of(a), rows_of(b))

    groups: list[list[Settings]] = []
    # Settings of unknown data come last, so that they join one group, not link several.
    for settings in sorted(by_settings, key=lambda settings: not hashes[settings]):
        for group in groups:
            if any(together(settings, other) for other in group):
                group.append(settings)
                break
        else:
            groups.append([settings])
    order = list(by_settings)
    return sorted(groups, key=lambda group: min(map(order.index, group)))


def dataset_settings(run: Run) -> Settings:
    """Returns the settings of a run's data set, its name included."""
    return tuple(i for i in run.settings.items() if i[0].startswith("dataset."))


def name_of(settings: Settings) -> str:
    """Returns the name of a data set."""
    return dict(settings).get("dataset.name", "")


def dataset_names(groups: list[list[Settings]]) -> list[str]:
    """Names each group uniquely: by its data sets, and the settings that differ."""
    names = [
        ", ".join(dict.fromkeys(filter(None, map(name_of, group)))) for group in groups
    ]
    full_names: list[str] = []
    for name, group in zip(names, groups, strict=True):
        rivals = [g for n, g in zip(names, groups, strict=True) if n == name]
        keys = [
            key
            for key in dict.fromkeys(k for g in rivals for s in g for k, _ in s)
            if len({values_of(key, g) for g in rivals}) > 1
        ]
        parts = [f"{short_key(key, keys)}={values_of(key, group)}" for key in keys]
        full_names.append(" ".join([name, *parts[:MAX_SETTINGS]]))
    counts = [full_names[:i].count(name) for i, name in enumerate(full_names)]
    return [
        f"{name} ({count + 1})" if count else name
        for name, count in zip(full_names, counts, strict=True)
    ]


def values_of(key: str, group: list[Settings]) -> str:
    """Returns all values of a setting in a group."""
    return ",".join(dict.fromkeys(dict(settings).get(key, "") for settings in group))
