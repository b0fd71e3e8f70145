"""Features that go on from what they have learnt in an earlier run."""

from collections.abc import Collection, Mapping
from typing import Any

from mtl_cli.core.errors import DataError, shown
from mtl_cli.features.base import Feature

# {feature that goes on: what it has learnt in the earlier run}
EarlierLearnt = dict[str, dict[str, Any]]
MAX_AUTO_DIM = int(6 * (2**31) ** 0.25)  # of `embedding_dim: auto`, at most 2^31 ids


def extended(
    name: str, earlier: Mapping[str, Any], learnt: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what a feature knows after an earlier run and the rows of this run.

    A vocabulary keeps its values, so each keeps its id, and new values follow in order.
    Scales, cuts and numbers for empty cells stay.

    Args:
        name: the name of the feature.
        earlier: what the feature has learnt in the earlier run.
        learnt: what the feature has learnt from the training rows of this run alone.

    Raises:
        DataError: if the feature cannot have learnt this in an earlier run.
    """
    without_dim = dict(earlier)
    dim = without_dim.pop("embedding_dim", 1)
    if type(dim) is not int or not 1 <= dim <= MAX_AUTO_DIM:
        without_dim = {}
    check_alike(f"feature {name} has", without_dim, dict(learnt))
    if "vocabulary" not in earlier:
        return dict(earlier)
    earlier_values = set(earlier["vocabulary"])
    new = [value for value in learnt["vocabulary"] if value not in earlier_values]
    return {**earlier, "vocabulary": [*earlier["vocabulary"], *new]}


def check_alike(owner: str, earlier: Any, learnt: Any) -> None:
    """Refuses values of an earlier run whose form differs from this run's values.

    Args:
        owner: who has learnt the values, for the error.
        earlier: the values of the earlier run.
        learnt: the values of this run.

    Raises:
        DataError: if the forms differ.
    """
    if not is_alike(earlier, learnt):
        raise DataError(
            f"start_from.run: what {owner} learnt there is damaged; copy the whole "
            "folder of the run"
        )


def is_alike(earlier: Any, learnt: Any) -> bool:
    """Whether two JSON values have the same types and keys."""
    if isinstance(learnt, dict) and isinstance(earlier, dict):
        return earlier.keys() == learnt.keys() and all(
            is_alike(earlier[key], learnt[key]) for key in learnt
        )
    if isinstance(learnt, list) and isinstance(earlier, list):
        types = {type(item) for item in learnt}
        return not learnt or all(type(item) in types for item in earlier)
    return type(earlier) is type(learnt)


def changes(
    features: Mapping[str, Feature],
    earlier: Mapping[str, Feature],
    refit: Collection[str],
) -> dict[str, str]:
    """Returns why each feature that does not go on starts fresh, or is left out.

    A feature goes on if its kind and all its keys are as in the earlier run.

    Args:
        features: the features of this run, by name.
        earlier: the features of the earlier run.
        refit: the names of features that learn anew.

    Returns: {feature: reason}, for features of either run.
    """
    reasons = {}
    for name, feature in features.items():
        if name not in earlier:
            reasons[name] = "is new, so it starts fresh"
        elif difference := difference_of(earlier[name], feature):
            reasons[name] = f"starts fresh: {difference}"
        elif name in refit:
            reasons[name] = "starts fresh, as start_from.refit says"
    return reasons | {
        name: "is not in this run, so it is left out"
        for name in earlier
        if name not in features
    }


def difference_of(earlier: Feature, feature: Feature) -> str:
    """Names the first key in which two features differ; "" if they are equal."""
    old, new = earlier.model_dump(), feature.model_dump()
    for key in sorted(old | new, key=lambda key: key != "kind"):
        if old.get(key) != new.get(key):
            was, now = shown(old.get(key)), shown(new.get(key))
            return f"its {key} was {was}, is {now}"
    return ""
