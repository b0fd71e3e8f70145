"""Features that go on with the values that they learnt in the run `start_from.run`.

In this module, "earlier" refers to that run.
"""

from collections.abc import Collection, Mapping
from typing import Any

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown
from mtl_cli.features.base import Feature

# {feature: the values that the feature learnt earlier}, for the features that go on.
EarlierLearnt = dict[str, dict[str, Any]]
# The largest result of `embedding_dim: auto`, for the largest table, of 2^31 ids.
MAX_AUTO_DIM = int(6 * (2**31) ** 0.25)


def extend_learnt(
    name: str, earlier: Mapping[str, Any], learnt: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what a feature learnt in an earlier run, with new values of this run.

    The vocabulary of the earlier run keeps its order, so that each value keeps its id.
    The new values of this run are added at its end. All other learnt values, such as
    scales and cuts, come from the earlier run.
    """
    # `earlier` may hold the dimension that `embedding_dim: auto` gave in that run;
    # `learnt` never does.
    without_dim = dict(earlier)
    dim = without_dim.pop("embedding_dim", 1)
    is_valid_dim = type(dim) is int and 1 <= dim <= MAX_AUTO_DIM
    # `check_same_form` always refuses None, so it refuses a wrong dimension.
    comparable = without_dim if is_valid_dim else None
    check_same_form(f"feature {name} has", comparable, dict(learnt))
    if "vocabulary" not in earlier:
        return dict(earlier)
    earlier_values = set(earlier["vocabulary"])
    new_values = [v for v in learnt["vocabulary"] if v not in earlier_values]
    return {**earlier, "vocabulary": [*earlier["vocabulary"], *new_values]}


def check_same_form(subject: str, earlier: object, learnt: object) -> None:
    """Refuses values of an earlier run whose types or keys differ from this run's.

    `subject` is the start of a sentence for the message, such as "feature age has".
    """
    if not has_same_form(earlier, learnt):
        raise DataError(
            f"start_from.run: what {subject} learnt in that run is damaged; copy the "
            "whole folder of the run again"
        )


def has_same_form(earlier: object, learnt: object) -> bool:
    """Whether two JSON values have the same types and keys, also in nested values."""
    if isinstance(learnt, dict) and isinstance(earlier, dict):
        return earlier.keys() == learnt.keys() and all(
            has_same_form(earlier[key], learnt[key]) for key in learnt
        )
    if isinstance(learnt, list) and isinstance(earlier, list):
        types = {type(item) for item in learnt}
        return not learnt or all(type(item) in types for item in earlier)
    return type(earlier) is type(learnt)


def reasons_not_continued(
    features: Mapping[str, Feature],
    earlier: Mapping[str, Feature],
    refit: Collection[str],
) -> dict[str, str]:
    """Returns {feature: why the feature does not go on with its earlier values}.

    A feature goes on if its kind and all its keys are equal in both runs, and
    `start_from.refit` does not list it.
    """
    reasons = {}
    for name, feature in features.items():
        if name not in earlier:
            reasons[name] = "is new, so it starts fresh"
        elif difference := first_difference(earlier[name], feature):
            reasons[name] = f"starts fresh: {difference}"
        elif name in refit:
            reasons[name] = "starts fresh, as start_from.refit says"
    return reasons | {
        name: "is not in this run, so it is left out"
        for name in earlier
        if name not in features
    }


def first_difference(earlier: Feature, feature: Feature) -> str:
    """Describes the first key in which two features differ; "" if they are equal."""
    old, new = earlier.model_dump(), feature.model_dump()
    for key in sorted(old | new, key=lambda key: key != "kind"):  # `kind` first
        if old.get(key) != new.get(key):
            was, now = shown(old.get(key)), shown(new.get(key))
            return f"its {key} was {was}, is {now}"
    return ""
