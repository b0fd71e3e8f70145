"""Reads files that may come from someone else, within limits.

A run folder, a configuration or a cache may have been made by another person. So a file
in it is read only if it is a regular file of bounded size and not a link, and nested
values only if they expand to a bounded number of values.
"""

import io
import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import yaml

# A JSON file of a run, and a table of its history.
MAX_BYTES = 256 << 20
MAX_YAML_BYTES = 4 << 20
# A file of more than `MAX_BYTES` may be this many times as large as its disk space.
MAX_RATIO = 100
BYTES_PER_BLOCK = 512  # of `st_blocks`
# Far below Python's limit on nested calls, far above any configuration.
MAX_DEPTH = 64
# Aliases let a YAML file of a few hundred bytes expand to billions of values.
MAX_YAML_VALUES = 200_000


class UnsafeFileError(ValueError):
    """A file of someone else is a link, no regular file, too large or too nested."""


def check_regular(path: Path, max_bytes: int | None = None) -> None:
    """Refuses a path that is a link, a device or a pipe, or too large a file.

    A file with holes takes little room on the disk and much memory. A large file is
    refused if nearly all of it is holes.

    Args:
        path: the path of a file.
        max_bytes: the largest allowed size; None for no limit.

    Raises:
        UnsafeFileError: if the file is refused.
        OSError: if there is no such file.
    """
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(f"{path} is a link; put the file itself there")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(f"{path} is not a regular file")
    if max_bytes is not None and status.st_size > max_bytes:
        raise UnsafeFileError(
            f"{path} has {status.st_size:,} bytes; at most {max_bytes:,} are read"
        )
    # Some network file systems do not count blocks.
    stored = status.st_blocks * BYTES_PER_BLOCK or status.st_size
    if status.st_size > max(MAX_BYTES, MAX_RATIO * stored):
        raise UnsafeFileError(
            f"{path} has {status.st_size:,} bytes, of which only {stored:,} are on the "
            "disk; the rest are holes"
        )


def check_npz(path: Path) -> None:
    """Refuses an NPZ file that is no regular file, or expands when it is read.

    mtl-cli writes arrays uncompressed. A compressed file could expand to any size, and
    so could a file whose entries overlap.

    Raises:
        UnsafeFileError: if the file is refused.
        OSError: if there is no such file.
        zipfile.BadZipFile: if the file is damaged.
    """
    check_regular(path)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UnsafeFileError(f"{path} is compressed; write it uncompressed")
    expanded, size = sum(entry.file_size for entry in entries), path.stat().st_size
    if expanded > size:
        raise UnsafeFileError(
            f"{path} has {size:,} bytes, but its arrays expand to {expanded:,}"
        )


def check_numbers(name: str, array: Any, may_overflow: bool = False) -> None:
    """Refuses an array that holds NaN, infinity, or something else than numbers.

    One NaN among the weights of a network makes all predictions NaN.

    Args:
        name: the array's name, for errors.
        array: an array of NumPy.
        may_overflow: whether infinity is allowed.

    Raises:
        UnsafeFileError: if the array is refused.
    """
    import numpy as np

    if array.dtype.kind not in "biuf":
        raise UnsafeFileError(f"'{name}' holds no numbers")
    is_fine = ~np.isnan(array) if may_overflow else np.isfinite(array)
    if not is_fine.all():
        raise UnsafeFileError(f"'{name}' holds NaN or infinity")


def check_data_file(path: Path) -> None:
    """Refuses a file of data that is a device, or describes this process or machine.

    Raises:
        UnsafeFileError: if the file is refused.
    """
    real = path.resolve()
    if real.is_relative_to("/proc") or real.is_relative_to("/sys"):
        raise UnsafeFileError(f"{path} tells of this machine; it is no file of data")
    if real.exists() and not real.is_file():
        raise UnsafeFileError(f"{path} is not a regular file")


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Returns the text of a regular file.

    Raises:
        UnsafeFileError: if the file is a link, no regular file or too large.
        OSError: if the file cannot be read.
        ValueError: if the file is not UTF-8.
    """
    check_regular(path, max_bytes)
    return path.read_text("utf-8")


def read_json(path: Path) -> Any:
    """Returns the values of a JSON file.

    Raises:
        UnsafeFileError: if the file is refused as in `read_text`, or is too nested.
        OSError: if the file cannot be read.
        ValueError: if the file is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise UnsafeFileError(f"{path} is nested too deeply") from None


def read_json_object(path: Path) -> dict[str, Any]:
    """Returns the values of a JSON file that holds an object; raises as `read_json`."""
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds no JSON object")
    return values


def check_yaml(text: str, name: str) -> None:
    """Refuses YAML that is too long, too nested, or expands to too many values.

    Args:
        text: the content of a YAML file.
        name: the name of the file, for errors.

    Raises:
        UnsafeFileError: if the text is refused.
        yaml.YAMLError: if the text is not YAML.
    """
    if len(text) > MAX_YAML_BYTES:
        raise UnsafeFileError(
            f"{name} has {len(text):,} characters; at most {MAX_YAML_BYTES:,} are read"
        )
    stream = io.StringIO(text)
    stream.name = name  # errors of YAML show it
    depth = 0
    # Reading events needs no recursion, however deep the nesting; composing nodes does.
    for event in yaml.parse(stream, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise UnsafeFileError(f"{name} is nested more than {MAX_DEPTH} levels deep")
    sizes: dict[int, int] = {}
    for document in yaml.compose_all(text, Loader=yaml.CSafeLoader):
        if expanded_size(document, sizes) > MAX_YAML_VALUES:
            raise UnsafeFileError(
                f"{name} expands to more than {MAX_YAML_VALUES:,} values"
            )


def expanded_size(node: yaml.Node | None, sizes: dict[int, int]) -> int:
    """Returns the number of values that a YAML node expands to.

    Args:
        node: a composed node, in which an alias is the node that it names.
        sizes: the sizes known so far, by the node's id; filled.

    Raises:
        UnsafeFileError: if a node contains itself.
    """
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise UnsafeFileError("a YAML alias contains itself")
        return sizes[id(node)]
    sizes[id(node)] = 0  # until the size is known: a node that contains itself reads 0
    children = node.value
    if isinstance(node, yaml.MappingNode):
        children = [child for pair in children for child in pair]
    sizes[id(node)] = 1 + sum(expanded_size(child, sizes) for child in children)
    return sizes[id(node)]


def check_entries(
    folder: Path, subfolders: tuple[str, ...] = (), is_written: bool = True
) -> list[str]:
    """Refuses a folder that holds symbolic or hard links, pipes or devices.

    Args:
        folder: the folder to look into.
        subfolders: names of subfolders to look into as well.
        is_written: whether files in the folder are to be written. In a folder that is
            only read, hard links do no harm.

    Returns: the names of the folder's entries.

    Raises:
        UnsafeFileError: if an entry is neither a folder nor a regular file.
        OSError: if the folder cannot be read.
    """
    names = []
    for entry in list(os.scandir(folder)):
        names.append(entry.name)
        if entry.is_symlink():
            raise UnsafeFileError(f"{entry.path} is a link; remove it")
        if not entry.is_dir() and not entry.is_file():
            raise UnsafeFileError(f"{entry.path} is not a regular file; remove it")
        if is_written and entry.is_file() and entry.stat().st_nlink > 1:
            raise UnsafeFileError(
                f"{entry.path} is also a file of another name (a hard link); replace "
                "it by a copy"
            )
        if entry.is_dir() and entry.name in subfolders:
            check_entries(Path(entry.path), is_written=is_written)
    return names
