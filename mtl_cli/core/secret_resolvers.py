"""Resolvers of references, such as `${oc.env:NAME}`, that remember secrets.

The resolvers replace OmegaConf's and Hydra's, and give the same values. A value is
a secret if the name of its environment variable suggests so, or if the value was made
from a secret.
"""

import re
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.resolvers import oc

from mtl_cli.core.secrets import SHORTEST_SECRET, remember, secret_reference_in

SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?(_|$)", re.IGNORECASE
)
T = TypeVar("T")


def track_secrets() -> None:
    """From now on, remembers each secret when a reference to it is resolved."""
    replace = partial(OmegaConf.register_new_resolver, replace=True)
    replace("oc.env", resolve_variable)
    replace("oc.decode", resolve_decode)
    replace("oc.create", resolve_create)
    # With the cache, all references of a configuration give the same time.
    replace("now", resolve_now, use_cache=True)


def resolve_variable(name: str, *default: Any) -> str | None:
    value = oc.env(name, *default)
    if SECRET_NAME.search(name) and value is not None:
        remember(value, f"${{oc.env:{name}}}")
    return value


def resolve_decode(expression: str | None, _parent_: Any, _node_: Any) -> Any:
    value = oc.decode(expression, _parent_=_parent_, _node_=_node_)
    return remember_parts(value, "oc.decode", expression)


def resolve_create(obj: Any, _parent_: Any) -> Any:
    value = oc.create(obj, _parent_=_parent_)
    return remember_parts(value, "oc.create", obj)


def resolve_now(pattern: str) -> str:
    return remember_parts(datetime.now().strftime(pattern), "now", pattern)


def remember_parts(value: T, resolver: str, source: object) -> T:
    """Remembers the parts of a value, if the resolver has made it of a secret `source`.

    Returns: the value.
    """
    inner_reference = secret_reference_in(source) if isinstance(source, str) else None
    if inner_reference is None:
        return value
    reference = f"${{{resolver}:{inner_reference}}}"
    for leaf in leaves(value):
        must_be_hidden = not isinstance(leaf, bool | None)  # true tells nothing
        if must_be_hidden and len(str(leaf)) < SHORTEST_SECRET:
            raise ValueError(
                f"{reference} has parts of fewer than {SHORTEST_SECRET} characters, "
                "which cannot be kept secret"
            )
        remember(leaf, reference)
    return value


def leaves(value: object) -> list[object]:
    """Returns the values in nested dicts and lists, and the keys of the dicts."""
    if isinstance(value, DictConfig | ListConfig):
        value = OmegaConf.to_container(value)
    if isinstance(value, dict):
        return [leaf for pair in value.items() for x in pair for leaf in leaves(x)]
    if isinstance(value, list):
        return [leaf for x in value for leaf in leaves(x)]
    return [value]
