"""Checks of features that share an embedding table."""

from mtl_cli.core.message_text import suggest
from mtl_cli.features.base import Embedded, Feature

# The keys of a feature that describe its embedding table. A feature that uses the table
# of another feature must leave out these keys, or have the same values.
TABLE_KEYS = ("embedding_dim", "min_count", "id_dropout", "num_buckets", "pretrained")


def check_shared_tables(
    features: dict[str, Feature], used_features: dict[str, Feature], group: str | None
) -> None:
    """Refuses features that cannot share the table that their key `table` names.

    The key `table` names another feature, the owner of the embedding table. The group
    of tasks that is trained must not drop the owner: `used_features` are the features
    that the group does not drop.
    """
    for name in features:
        check_shared_table(name, features)
    for name, feature in used_features.items():
        owner = feature.table_owner(name)
        if owner not in used_features:
            raise ValueError(
                f"features.{name}.table: {name} uses the table of {owner}, but the "
                f"group {group} drops {owner}; drop {name} too"
            )


def check_shared_table(name: str, features: dict[str, Feature]) -> None:
    feature = features[name]
    owner_name = feature.table_owner(name)
    if owner_name == name:
        return
    owners = {
        other_name: other
        for other_name, other in features.items()
        if isinstance(other, Embedded) and other.table_owner(other_name) == other_name
    }
    owner = owners.get(owner_name)
    if owner is None:
        raise ValueError(
            f"features.{name}.table: {owner_name!r} is not a feature with an "
            f"embedding table of its own{suggest(owner_name, list(owners))}"
        )
    if owner.id_encoding is None or owner.id_encoding != feature.id_encoding:
        raise ValueError(
            f"features.{name}.table: a {feature.kind} feature cannot share the table "
            f"of a {owner.kind} feature; remove this key"
        )
    feature.check_table_owner(name, owner)
    fields = type(feature).model_fields
    for key in [key for key in TABLE_KEYS if key in fields]:
        allowed = fields[key].default, getattr(owner, key, None)
        if getattr(feature, key) not in allowed:
            is_required = fields[key].is_required()
            fix = f"set the same {key} in both features"
            raise ValueError(
                f"features.{name}.{key}: the feature {owner_name} owns the table, so "
                f"its {key} is used; {fix if is_required else f'remove {key} here'}"
            )
