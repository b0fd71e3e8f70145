"""Groups runs by their data set, and names the data sets."""

from functools import cache

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import equal_rows, read_test_rows
from mtl_cli.metrics.metric import Floats

MAX_SETTINGS = 8  # number of settings in the name of a group
# The dotted keys below `dataset` in a run's settings, each with its value.
DatasetSettings = tuple[tuple[str, str], ...]


def group_by_dataset(runs: list[Run]) -> dict[str, list[Run]]:
    """Groups runs by their data set.

    Two runs belong together if one of these conditions holds:

    - The runs have equal `dataset` settings.
    - The runs have the same `data_hash`: they read the same data, even if the names of
      the data sets differ.
    - The data sets have the same name, and both runs were scored on the same test rows.
    - The data sets have the same name, and one of the runs has no `data_hash`, because
      it failed before it had read the data.

    A setting that changes the data, such as `dataset.correlation` of generated data,
    thus splits the runs of one data set into several groups. The settings of damaged
    runs are unknown, so damaged runs join the first group.

    Returns: {name of the group: its runs}.
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
    """Groups dataset settings whose runs belong together, see `group_by_dataset`.

    The groups are in the order in which their first runs appear.
    """
    hashes = {
        settings: {run.environment.get("data_hash") for run in runs} - {None}
        for settings, runs in runs_by_settings.items()
    }

    @cache
    def rows_of(settings: DatasetSettings) -> dict[str, Floats]:
        scored_runs = [run for run in runs_by_settings[settings] if run.has_scores]
        return read_test_rows(scored_runs[:1])

    def belong_together(a: DatasetSettings, b: DatasetSettings) -> bool:
        if hashes[a] & hashes[b]:
            return True
        if dataset_name(a) != dataset_name(b):
            return False
        return not hashes[a] or not hashes[b] or equal_rows(rows_of(a), rows_of(b))

    groups: list[list[DatasetSettings]] = []
    # Settings without a hash belong to every group with the same name. Settings without
    # a hash are placed last: if they came first, they would join settings that do not
    # belong together.
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
    """Returns the settings of a run whose keys begin with `dataset.`."""
    items = run.settings.items()
    return tuple((k, value) for k, value in items if k.startswith("dataset."))


def dataset_name(settings: DatasetSettings) -> str:
    """Returns the name of a data set."""
    return dict(settings).get("dataset.name", "")


def group_names(groups: list[list[DatasetSettings]]) -> list[str]:
    """Returns a unique name for each group.

    A group is named after its data set or data sets. If several groups would have the
    same name, the settings in which they differ are added:
    `synthetic correlation=0.5`. If this is not enough either, because the data differ
    but the settings do not, a number is added: `shop (2)`.
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
        all_keys = dict.fromkeys(  # each key once, in order
            key for other in namesakes for settings in other for key, _ in settings
        )
        keys = [
            key
            for key in all_keys
            if len({values_text(key, other) for other in namesakes}) > 1
        ]
        texts = [f"{short_key(key, keys)}={values_text(key, group)}" for key in keys]
        names.append(" ".join([name, *texts[:MAX_SETTINGS]]))
    earlier_counts = [names[:i].count(name) for i, name in enumerate(names)]
    return [
        f"{name} ({count + 1})" if count else name
        for name, count in zip(names, earlier_counts, strict=True)
    ]


def values_text(key: str, group: list[DatasetSettings]) -> str:
    """Returns all values of a setting in a group, such as `0.5,0.9`."""
    return ",".join(dict.fromkeys(dict(settings).get(key, "") for settings in group))
