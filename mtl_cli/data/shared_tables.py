"""Checks of features that share an embedding table."""

from mtl_cli.core.errors import suggest
from mtl_cli.features.base import Embedded, Feature

# The keys of a feature that describe its embedding table. If two features share a
# table, these keys must be equal, or be left out in the feature that does not own the
# table.
TABLE_KEYS = ("embedding_dim", "min_count", "num_buckets", "pretrained")


def check_shared_table(name: str, features: dict[str, Feature]) -> None:
    """Refuses a feature that cannot share the table that its key `table` names.

    The key `table` names another feature, the owner of the embedding table. The message
    of the `ValueError` names the wrong key.
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
    if owner.id_encoding is None or owner.id_encoding != feature.id_encoding:
        raise ValueError(
            f"features.{name}.table: a {feature.kind} feature cannot share the table "
            f"of a {owner.kind} feature; remove this key"
        )
    for key in TABLE_KEYS:
        field = type(feature).model_fields.get(key)
        value = getattr(feature, key, None)
        if field is None or value in (field.default, getattr(owner, key, None)):
            continue
        fix = f"remove {key} here"
        if field.is_required():
            fix = f"set the same {key} in both features"
        raise ValueError(
            f"features.{name}.{key}: the feature {owner_name} owns the table, so its "
            f"{key} is used; {fix}"
        )
