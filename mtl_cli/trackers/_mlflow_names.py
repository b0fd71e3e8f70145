"""Turns keys into names of parameters and metrics that MLflow allows."""

import hashlib
import posixpath
import re

MAX_NAME_LENGTH = 250


def allowed_name(key: str) -> str:
    """Returns a name for a key, with "_" in place of characters that MLflow refuses.

    MLflow also refuses names of more than 250 characters, and names that are not
    normalised as a path, such as `a/../b`.

    >>> allowed_name("dataset.features.price ($).kind")
    'dataset.features.price ___.kind'
    >>> allowed_name("dataset.features.a/../b.kind")
    'dataset.features.a_.._b.kind'
    """
    name = re.sub(r"[^\w./ -]", "_", key)
    if posixpath.normpath(name) != name:
        name = name.replace("/", "_")
    if len(name) > MAX_NAME_LENGTH:
        digest = hashlib.sha256(key.encode()).hexdigest()
        name = f"{name[: MAX_NAME_LENGTH - 13]}-{digest[:12]}"
    return name
