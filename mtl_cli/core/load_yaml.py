"""Loads YAML within the limits of `yaml_limits`, in one pass where that is possible."""

from contextlib import suppress
from functools import lru_cache
from typing import Any

import yaml

from mtl_cli.core.yaml_limits import check_yaml, checked_events

# Only texts with one of these characters can have anchors, aliases or tags.
UNUSUAL_CHARACTERS = "&*!"


def load_yaml(text: str, name: str) -> Any:
    """Loads a YAML text as `yaml.CSafeLoader` does, if `check_yaml` accepts the text.

    Raises an error of any kind if the text is damaged.
    """
    if not any(character in text for character in UNUSUAL_CHARACTERS):
        # PyYAML decides about everything that `load_usual_yaml` cannot load.
        with suppress(yaml.YAMLError, TypeError):
            return load_usual_yaml(text, name)
    check_yaml(text, name)
    return yaml.load(text, yaml.CSafeLoader)


def load_usual_yaml(text: str, name: str) -> Any:
    """Loads a YAML text that has no anchors, aliases and tags.

    Raises a `YAMLError` or a `TypeError` if the text is damaged, has a merge key, or
    has not exactly one document.
    """
    # The values of each list or mapping that is still open, each in the one before. A
    # mapping has its keys and values in turn. The first list holds the documents.
    open_nodes: list[list[Any]] = [[]]
    for event in checked_events(text, name):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append([])
            continue
        if isinstance(event, yaml.ScalarEvent):
            is_plain = event.implicit[0]  # a text in quotes or in a block is not plain
            value = plain_value(event.value) if is_plain else event.value
        else:
            value = open_nodes.pop()
            if isinstance(event, yaml.MappingEndEvent):
                value = dict(zip(value[::2], value[1::2], strict=True))
        open_nodes[-1].append(value)
    [documents] = open_nodes
    if len(documents) != 1:
        raise yaml.YAMLError
    return documents[0]


@lru_cache(maxsize=10_000)  # most runs of a comparison have the same keys and values
def plain_value(text: str) -> Any:
    """Returns the value of a scalar without quotes, such as a number or a text."""
    loader: Any = yaml.CSafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, text))
