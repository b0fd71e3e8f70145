"""Refuses YAML that is too large, too deep or too tangled to be read safely."""

import io
import re

import yaml

from mtl_cli.core.other_files import UnsafeFileError

MAX_YAML_BYTES = 4 << 20  # of a file; also the limit of a text in characters
# Far below Python's limit on nested calls, far above the depth of any configuration.
MAX_YAML_DEPTH = 64
# Aliases let a YAML file of a few hundred bytes expand to billions of values.
MAX_YAML_VALUES = 200_000
# OmegaConf makes an object of each value, and copies it about ten times while Hydra
# composes a configuration: a second of CPU time for 3,000 values. No key needs so many.
MAX_YAML_LIST = 5_000
# Python refuses to read or write whole numbers of more than 4300 digits.
LONG_NUMBER = re.compile(r"[-+]?\d[\da-fA-FxX_:]{1000,}")


def check_yaml(text: str, name: str) -> None:
    """Checks a YAML text: its length, depth, expansion, and its lists and numbers.

    Args:
        text: the content of a YAML file.
        name: the name of the file, for the error message.

    Raises:
        UnsafeFileError: if one of them is above its limit.
        yaml.YAMLError: if the text is not YAML.
    """
    if len(text) > MAX_YAML_BYTES:
        raise UnsafeFileError(
            f"{name} has {len(text):,} characters; at most {MAX_YAML_BYTES:,} are read"
        )
    stream = io.StringIO(text)
    stream.name = name  # the errors of PyYAML show this name
    depth = 0
    # The depth is checked first. Reading events needs no recursion. Composing nodes,
    # below, calls itself at each level, and would overflow the stack.
    for event in yaml.parse(stream, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent) and LONG_NUMBER.fullmatch(event.value):
            raise UnsafeFileError(
                f"{name} holds a number of {len(event.value):,} digits; at most 1,000 "
                "are read"
            )
        if depth > MAX_YAML_DEPTH:
            raise UnsafeFileError(
                f"{name} is nested more than {MAX_YAML_DEPTH} levels deep"
            )
    sizes: dict[int, int] = {}
    for document in yaml.compose_all(text, Loader=yaml.CSafeLoader):
        check_lists(document, name)
        if expanded_size(document, sizes) > MAX_YAML_VALUES:
            raise UnsafeFileError(
                f"{name} expands to more than {MAX_YAML_VALUES:,} values"
            )


def check_lists(node: yaml.Node | None, name: str) -> None:
    """Refuses a list of more than `MAX_YAML_LIST` values.

    Args:
        node: a composed node.
        name: the name of the file, for the error message.
    """
    nodes, visited = [node], set[int]()
    while nodes:
        node = nodes.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in visited:
            continue
        visited.add(id(node))
        children = node.value
        if isinstance(node, yaml.MappingNode):
            children = [child for pair in children for child in pair]
        elif len(children) > MAX_YAML_LIST:
            raise UnsafeFileError(
                f"{name}: the list in line {node.start_mark.line + 1} has "
                f"{len(children):,} values; at most {MAX_YAML_LIST:,} are read"
            )
        nodes += children


def expanded_size(node: yaml.Node | None, sizes: dict[int, int]) -> int:
    """Counts the values that a YAML node expands to.

    Args:
        node: a composed node. An alias in it is the same object as the node that the
            alias refers to.
        sizes: {`id` of a node: its count}, for the nodes counted so far. The function
            adds to it, so that each node is counted once.

    Raises:
        UnsafeFileError: if a node contains itself.
    """
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise UnsafeFileError("a YAML alias contains itself")
        return sizes[id(node)]
    sizes[id(node)] = 0  # marks the node as not yet counted, to find a cycle
    children = node.value
    if isinstance(node, yaml.MappingNode):
        children = [child for pair in children for child in pair]
    sizes[id(node)] = 1 + sum(expanded_size(child, sizes) for child in children)
    return sizes[id(node)]
