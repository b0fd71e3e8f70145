"""Checks what features and tasks have learnt, because its file may be forged."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from mtl_cli.core.errors import first_line
from mtl_cli.core.message_text import shown
from mtl_cli.data.feature_graph import example_rows
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.tasks.base import Task


def check_learnt(
    features: FeatureSet, labels: Mapping[str, Any], tasks: Mapping[str, Task]
) -> dict[str, Array]:
    """Raises an error if a feature or a task cannot have learnt its values.

    `labels` is {task: the statistics of its labels}, for tasks that use any.

    Returns: the result of `FeatureSet.encode` for one made-up row.
    """
    # Encoding raises an error if the learnt values of a feature are missing or
    # malformed.
    encoded = features.encode(example_rows(features, 1))
    for name, feature in features.by_name.items():
        with named_in_error(f"feature {name}"):
            feature.check_learnt(features.learnt[name])
    for name, task in tasks.items():
        with named_in_error(f"task {name}"):
            statistics = labels.get(name, {})
            if not isinstance(statistics, dict):
                raise ValueError(f"expected numbers by name, got {shown(statistics)}")
            task.check_statistics(statistics)
    return encoded


@contextlib.contextmanager
def named_in_error(subject: str) -> Iterator[None]:
    try:
        yield
    except (LookupError, ValueError) as error:
        raise ValueError(f"{subject}: {first_line(error)}") from None
