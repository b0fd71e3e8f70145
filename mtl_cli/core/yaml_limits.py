"""Refuses YAML that would take too much memory or time to read.

A text may be too long, or nested too deeply. Aliases may expand a few lines to billions
of values. Interpolations of OmegaConf may keep the processor busy for hours.
"""

import contextlib
import io
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import yaml

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import UnsafeFileError

MAX_YAML_BYTES = 4 << 20  # the largest file; a text may have as many characters
# Far below Python's limit on nested calls, far above the depth of any configuration.
MAX_YAML_DEPTH = 64
MAX_YAML_VALUES = 200_000  # after aliases are expanded
# OmegaConf copies each value about ten times while Hydra composes a configuration:
# 3,000 values take a second of CPU time.
MAX_YAML_LIST = 5_000
READ_SECONDS = 10  # usually reading takes a fifth of a second
# Python refuses to read or write whole numbers of more than 4300 digits.
LONG_NUMBER = re.compile(r"[-+]?\d[\da-fA-FxX_:]{1000,}")


@dataclass
class OpenNode:
    """A list or mapping whose end has not been read yet."""

    anchor: str | None = None
    is_list: bool = False
    num_children: int = 0  # items of a list, or keys and values of a mapping
    size: int = 1  # the number of values that the node expands to so far


def check_yaml(text: str, name: str) -> None:
    """Raises an `UnsafeFileError` if a YAML text exceeds a limit."""
    for _ in checked_events(text, name):
        pass


def checked_events(text: str, name: str) -> Iterator[yaml.Event]:
    """Yields PyYAML's events of values, lists, mappings and aliases, each checked.

    Raises an `UnsafeFileError` as `check_yaml` does. The events are read in a loop,
    because deep recursion would fail.
    """
    if len(text) > MAX_YAML_BYTES:
        raise UnsafeFileError(
            f"{name} has {len(text):,} characters; at most {MAX_YAML_BYTES:,} are read"
        )
    stream = io.StringIO(text)
    stream.name = name  # the errors of PyYAML show this name
    sizes: dict[str | None, int] = {}  # {anchor: size of its node, 0 if still open}
    open_nodes = [OpenNode()]  # each in the one before; the first holds the documents
    for event in yaml.parse(stream, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            is_list = isinstance(event, yaml.SequenceStartEvent)
            open_nodes.append(OpenNode(event.anchor, is_list))
            if len(open_nodes) - 1 > MAX_YAML_DEPTH:
                raise UnsafeFileError(
                    f"{name} is nested more than {MAX_YAML_DEPTH} levels deep"
                )
            sizes[event.anchor] = 0
            yield event
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            node = open_nodes.pop()
            check_closed_node(node, name)
            anchor, size = node.anchor, node.size
        elif isinstance(event, yaml.ScalarEvent):
            check_scalar(event, name)
            anchor, size = event.anchor, 1
        elif isinstance(event, yaml.AliasEvent):
            # If no node has the anchor, loading the text raises an error later.
            anchor, size = event.anchor, sizes.get(event.anchor, 1)
            if size == 0:
                raise UnsafeFileError(f"{name}: a YAML alias contains itself")
        else:  # the start or the end of a document
            continue
        sizes[anchor] = size
        parent = open_nodes[-1]
        parent.num_children += 1
        parent.size += size
        yield event


def check_closed_node(node: OpenNode, name: str) -> None:
    """Refuses a list that is too long, and a node that expands to too many values."""
    if node.is_list and node.num_children > MAX_YAML_LIST:
        raise UnsafeFileError(
            f"{name}: a list has {node.num_children:,} values; at most "
            f"{MAX_YAML_LIST:,} are read"
        )
    if node.size > MAX_YAML_VALUES:
        raise UnsafeFileError(f"{name} expands to more than {MAX_YAML_VALUES:,} values")


def check_scalar(event: yaml.ScalarEvent, name: str) -> None:
    """Refuses a number that Python would not read. Text in quotes is not a number."""
    is_text = event.style in ("'", '"', "|", ">") and event.tag is None
    may_be_long = len(event.value) > 1000  # few values are: this test is quick
    if may_be_long and not is_text and LONG_NUMBER.fullmatch(event.value):
        raise UnsafeFileError(
            f"{name} holds a number of {len(event.value):,} digits; at most 1,000 are "
            "read"
        )


@contextlib.contextmanager
def limited_reading() -> Iterator[None]:
    """Raises a `ConfigError` if the block takes more CPU time than `READ_SECONDS`.

    Only in the main thread, because no other can receive the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise ConfigError(
            f"the configuration takes more than {READ_SECONDS} s to read; make it "
            "smaller, or remove interpolations that expand to many values"
        )

    earlier_handler = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, READ_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier_handler)
