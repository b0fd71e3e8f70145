"""The settings of a job that choose its validation rows and their labels."""

import json

from mtl_cli.comparison.same_rows import SPLIT_KEYS
from mtl_cli.core.locations import absolute_paths
from mtl_cli.data.dataset import Dataset

# The keys of `dataset` that determine how rows are read and used, not which rows.
NOT_ABOUT_ROWS = (
    "name",
    "format",
    "csv",
    "stream",
    "group_column",
    "features",
    "tasks",
    "groups",
    "group",
)


def row_settings(dataset: Dataset) -> dict[str, str]:
    """Returns the settings that choose a data set's validation rows and their labels.

    Jobs with equal settings have the same validation rows. If a file holds the
    validation rows, the other files and the split do not matter. Paths are made
    absolute, because several relative paths can name one file. `comparison.same_rows`
    has the rule for finished runs.

    Returns: {key below `dataset`: value as text}.
    """
    left_out = set(NOT_ABOUT_ROWS)
    if dataset.only_scenario is None:
        left_out.add("scenario")
    if dataset.valid is not None:
        left_out.update(SPLIT_KEYS, ["train", "test"])
    elif dataset.valid_from == "train":
        left_out.add("test")
    else:
        left_out.add("train")
    values = dataset.model_dump(mode="json", exclude=left_out)
    for key in {"train", "valid", "test"} - left_out:
        if values.get(key):
            values[key] = absolute_paths(values[key])
    values["only_scenario"] = dataset.only_scenario
    values["tasks"] = {name: t.encoding_keys() for name, t in dataset.tasks.items()}
    return {key: json.dumps(value) for key, value in values.items()}
