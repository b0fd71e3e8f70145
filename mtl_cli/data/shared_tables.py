"""Checks of features that share an embedding table."""

from mtl_cli.core.errors import suggest
from mtl_cli.features.base import Embedded, Feature

# Keys that describe an embedding table, not the column that is looked up in it.
TABLE_KEYS = ("embedding_dim", "min_count", "num_buckets", "pretrained")


def check_shared_table(name: str, features: dict[str, Feature]) -> None:
    """Refuses a feature whose `table` names a feature that it cannot share with.

    Args:
        name: the feature to check.
        features: {name: feature} of the data set.

    Raises:
        ValueError: naming the setting that is wrong.
    """
    feature = features[name]
    owner_name = feature.table_owner(name)
    owner = features.get(owner_name)
    if owner is feature:
        return
    if not isinstance(owner, Embedded) or owner.table_owner(owner_name) != owner_name:
        raise ValueError(
            f"features.{name}.table: {owner_name!r} is not a feature with an "
            f"embedding table of its own{suggest(owner_name, list(features))}"
        )
    if owner.shared_ids is None or owner.shared_ids != feature.shared_ids:
        raise ValueError(
            f"features.{name}.table: a {feature.kind} feature cannot share the "
            f"table of a {owner.kind} one"
        )
    for key in TABLE_KEYS:
        field = type(feature).model_fields.get(key)
        value = getattr(feature, key, None)
        if field is None or value in (field.default, getattr(owner, key, None)):
            continue
        fix = "make them equal" if field.is_required() else "remove it here"
        raise ValueError(
            f"features.{name}.{key}: the table is {owner_name}'s, whose {key} counts; "
            f"{fix}"
        )
