"""Embedding tables that start from vectors in files."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.paths import find_data
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Pretrained

if TYPE_CHECKING:
    from mtl_cli.network.build import Network

Vectors = npt.NDArray[np.float32]


class PretrainedVectors(NamedTuple):
    """The vectors that some ids of an embedding table start from."""

    ids: npt.NDArray[np.int64]  # (n,)
    vectors: Vectors  # (n, dim)


def read(config: Config, features: FeatureSet) -> dict[str, PretrainedVectors]:
    """Reads the vectors that a data set's features name.

    Args:
        config: the run's configuration.
        features: fitted.

    Returns: {embedding table: vectors}.

    Raises:
        DataError: if a file is missing, or does not hold what the configuration says.
    """
    vectors_by_table = {}
    for name, feature in features.features.items():
        pretrained: Pretrained | None = getattr(feature, "pretrained", None)
        if pretrained is None:
            continue
        where = f"dataset.features.{name}.pretrained"
        vectors = read_vectors(where, pretrained.vectors)
        values = read_values(where, pretrained.ids)
        if len(values) != len(vectors):
            raise DataError(
                f"{where}.ids: {pretrained.ids} has {len(values):,} lines, "
                f"{pretrained.vectors} has {len(vectors):,} vectors; give each vector "
                "one line"
            )
        dim = features.layout.tables[name].dim or config.encoder.embedding_dim
        if dim != vectors.shape[1]:
            raise DataError(
                f"{where}.vectors: has vectors of length {vectors.shape[1]}, the table "
                f"{dim}; set dataset.features.{name}.embedding_dim={vectors.shape[1]}"
            )
        vocabulary: list[str] = features.learnt[name]["vocabulary"]
        id_of = {value: i + 1 for i, value in enumerate(vocabulary)}
        rows = [row for row, value in enumerate(values) if value in id_of]
        if not rows:
            raise DataError(
                f"{where}.ids: none of the {len(values):,} ids{example(values)}, is a "
                f"value of the feature{example(vocabulary)}; give the ids of these "
                "vectors"
            )
        ids = np.array([id_of[values[row]] for row in rows])
        vectors_by_table[name] = PretrainedVectors(ids, vectors[rows])
    return vectors_by_table


def example(values: list[str]) -> str:
    """Returns the first of some values, for a message."""
    return f", such as {values[0]!r}" if values else ", of which there are none"


def read_vectors(where: str, path: str) -> Vectors:
    """Reads vectors, (N, dim).

    Args:
        where: the start of messages.
        path: a file of NumPy's format `.npy`.
    """
    try:
        with find_data(path).open("rb") as file:
            x: Any = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DataError(
            f"{where}.vectors: cannot read {path}: {first_line(error)}; "
            "write an array (N, dim) of floats with numpy.save"
        ) from None
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.floating):
        raise DataError(
            f"{where}.vectors: {path} holds {x.dtype} {x.shape}, not an "
            "array (N, dim) of floats"
        )
    wrong = ~(np.abs(x) <= np.finfo("float32").max)
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        raise DataError(
            f"{where}.vectors: row {row + 1} of {path} is not finite in "
            "float32; correct it"
        )
    return np.asarray(x, "float32")


def read_values(where: str, path: str) -> list[str]:
    """Reads the value that each vector belongs to, one per line.

    Args:
        where: the start of messages.
        path: a text file.
    """
    try:
        with find_data(path).open(encoding="utf-8-sig") as file:
            values = [line.rstrip("\n") for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{where}.ids: cannot read {path}: {first_line(error)}; give "
            "UTF-8 text with one id per line"
        ) from None
    first_lines: dict[str, int] = {}
    for i, value in enumerate(values):
        if first_lines.setdefault(value, i) < i:
            raise DataError(
                f"{where}.ids: line {i + 1} of {path} is {value!r}, as line "
                f"{first_lines[value] + 1} is; give each id one vector"
            )
    return values


def fill(
    network: "Network",
    config: Config,
    features: FeatureSet,
    vectors_by_table: dict[str, PretrainedVectors],
) -> None:
    """Writes vectors into a network's embedding tables, in place.

    Args:
        network: the network of the configuration.
        config: the run's configuration.
        features: fitted.
        vectors_by_table: from `read`.
    """
    from mtl_cli.layers.lookup import table_groups

    for group in table_groups(features.layout, config.encoder.embedding_dim):
        if not group.sizes.keys() & vectors_by_table.keys():
            continue
        weight = network.logits.get_layer(group.layer).table
        rows = weight.numpy()
        first_row = 0
        for name, size in group.sizes.items():
            if name in vectors_by_table:
                ids, vectors = vectors_by_table[name]
                sets = rows.shape[1] // group.dim
                rows[first_row + ids] = np.tile(vectors, (1, sets))
            first_row += size
        weight.assign(rows)
