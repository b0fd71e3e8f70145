"""Embedding tables that start from given vectors."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.paths import find_data
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Pretrained


class Start(NamedTuple):
    """What some rows of an embedding table start from."""

    rows: npt.NDArray[np.int64]  # (n,)
    vectors: npt.NDArray[np.float32]  # (n, dim)
    size: int  # rows of the table


def read(config: Config, features: FeatureSet) -> dict[str, Start]:
    """Reads the vectors that a data set's features name.

    Args:
        config: of the run.
        features: fitted.

    Returns: by embedding table.

    Raises:
        DataError: if a file is missing, or not as the configuration says.
    """
    found = {}
    for name, feature in config.dataset.used_features.items():
        pretrained: Pretrained | None = getattr(feature, "pretrained", None)
        if pretrained is None:
            continue
        where = f"dataset.features.{name}.pretrained"
        vectors = read_vectors(where, pretrained)
        ids = read_ids(where, pretrained)
        if len(ids) != len(vectors):
            raise DataError(
                f"{where}.ids: {pretrained.ids} has {len(ids):,} lines, "
                f"{pretrained.vectors} has {len(vectors):,} vectors; give each vector "
                "one line"
            )
        dim = getattr(feature, "embedding_dim", None) or config.encoder.embedding_dim
        if dim != vectors.shape[1]:
            raise DataError(
                f"{where}.vectors: has vectors of length {vectors.shape[1]}, the table "
                f"{dim}; set dataset.features.{name}.embedding_dim={vectors.shape[1]}"
            )
        vocabulary = features.learnt[name]["vocabulary"]
        found[name] = matched(where, vectors, ids, vocabulary)
    return found


def matched(
    where: str, vectors: npt.NDArray[np.float32], ids: list[str], vocabulary: list[str]
) -> Start:
    """Returns the vectors whose ids a table has."""
    place = {value: i + 1 for i, value in enumerate(vocabulary)}
    known = [i for i, value in enumerate(ids) if value in place]
    if not known:
        raise DataError(
            f"{where}.ids: none of the {len(ids):,} ids{example(ids)}, is a value of "
            f"the feature{example(vocabulary)}; give the ids of these vectors"
        )
    rows = np.array([place[ids[i]] for i in known])
    return Start(rows, vectors[known], len(vocabulary) + 1)


def example(values: list[str]) -> str:
    """Returns the first of some values, for a message."""
    return f", such as {values[0]!r}" if values else ", of which there are none"


def read_vectors(where: str, pretrained: Pretrained) -> npt.NDArray[np.float32]:
    """Reads vectors, (N, dim)."""
    try:
        with find_data(pretrained.vectors).open("rb") as file:
            x: Any = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DataError(
            f"{where}.vectors: cannot read {pretrained.vectors}: {first_line(error)}; "
            "write an array (N, dim) of floats with numpy.save"
        ) from None
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.floating):
        raise DataError(
            f"{where}.vectors: {pretrained.vectors} holds {x.dtype} {x.shape}, not an "
            "array (N, dim) of floats"
        )
    wrong = ~(np.abs(x) <= np.finfo("float32").max)
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        raise DataError(
            f"{where}.vectors: row {row + 1} of {pretrained.vectors} is not finite in "
            "float32; correct it"
        )
    return np.asarray(x, "float32")


def read_ids(where: str, pretrained: Pretrained) -> list[str]:
    """Reads the value that each vector belongs to."""
    try:
        with find_data(pretrained.ids).open(encoding="utf-8-sig") as file:
            ids = [line.rstrip("\n") for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{where}.ids: cannot read {pretrained.ids}: {first_line(error)}; give "
            "UTF-8 text with an id a line"
        ) from None
    lines: dict[str, int] = {}
    for i, value in enumerate(ids):
        if lines.setdefault(value, i) < i:
            raise DataError(
                f"{where}.ids: line {i + 1} of {pretrained.ids} is {value!r}, as line "
                f"{lines[value] + 1} is; give each id one vector"
            )
    return ids


def fill(network: Any, config: Config, features: FeatureSet, starts: Any) -> None:
    """Writes vectors into a network's embedding tables, in place.

    Args:
        network: a `Network`.
        config: of the run.
        features: fitted.
        starts: from `read`.
    """
    from mtl_cli.layers.lookup import table_groups

    for group in table_groups(features.layout, config.encoder.embedding_dim):
        if not set(group.sizes) & set(starts):
            continue
        table = network.logits.get_layer(group.layer).table
        values = table.numpy()
        first = 0
        for name, size in group.sizes.items():
            if name in starts:
                start: Start = starts[name]
                sets = values.shape[1] // group.dim
                values[first + start.rows] = np.tile(start.vectors, (1, sets))
            first += size
        table.assign(values)
