"""Embedding tables that start from vectors in files."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.other_files import check_data_file
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
    """Reads the vectors for all features with the key `pretrained`.

    Args:
        config: the run's configuration.
        features: the fitted features.

    Returns: {embedding table: vectors}.

    Raises:
        DataError: if a file is missing, or does not hold what the configuration says.
    """
    vectors_by_table = {}
    for name, feature in features.features.items():
        pretrained: Pretrained | None = getattr(feature, "pretrained", None)
        if pretrained is not None:
            table = features.layout.tables[name]
            dim = table.vector_length(config.encoder.embedding_dim)
            vocabulary: list[str] = features.learnt[name]["vocabulary"]
            vectors_by_table[name] = read_table(name, pretrained, dim, vocabulary)
    return vectors_by_table


def read_table(
    name: str, pretrained: Pretrained, dim: int, vocabulary: list[str]
) -> PretrainedVectors:
    """Reads the vectors for one embedding table.

    Args:
        name: name of the feature that owns the table.
        pretrained: the files.
        dim: length of the table's vectors.
        vocabulary: the values of the feature. The first value has id 1.
    """
    feature_key = f"dataset.features.{name}"
    key = f"{feature_key}.pretrained"
    vectors = read_vectors(f"{key}.vectors", pretrained.vectors)
    values = read_values(f"{key}.ids", pretrained.ids)
    if len(values) != len(vectors):
        raise DataError(
            f"{key}.ids: {pretrained.ids} has {len(values):,} lines, "
            f"{pretrained.vectors} has {len(vectors):,} vectors; give each vector "
            "one line"
        )
    if vectors.shape[1] != dim:
        raise DataError(
            f"{key}.vectors: has vectors of length {vectors.shape[1]}, the table has "
            f"vectors of length {dim}; set "
            f"{feature_key}.embedding_dim={vectors.shape[1]}"
        )
    id_of = {value: i + 1 for i, value in enumerate(vocabulary)}
    rows = [row for row, value in enumerate(values) if value in id_of]
    if not rows:
        raise DataError(
            f"{key}.ids: none of the {len(values):,} ids{example(values)}, is a value "
            f"of the feature{example(vocabulary)}; give the ids of these vectors"
        )
    ids = np.array([id_of[values[row]] for row in rows])
    return PretrainedVectors(ids, vectors[rows])


def read_vectors(key: str, path: str) -> Vectors:
    """Reads vectors, `(N, dim)`.

    Args:
        key: the configuration key of the file, for messages.
        path: path of an `.npy` file.
    """
    try:
        check_data_file(find_data(path))
        with find_data(path).open("rb") as file:
            x: npt.NDArray[np.generic] = np.lib.format.read_array(
                file, allow_pickle=False
            )
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error)}; "
            "write an array (N, dim) of floats with numpy.save"
        ) from None
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.floating):
        raise DataError(
            f"{key}: {path} holds {x.dtype} {x.shape}, not an array (N, dim) of floats"
        )
    # NaN fails any comparison, so `~` finds it too.
    is_wrong = ~(np.abs(x) <= np.finfo("float32").max)
    if is_wrong.any():
        row = int(np.argmax(is_wrong.any(axis=1)))
        raise DataError(
            f"{key}: row {row + 1} of {path} is not finite in float32; correct it"
        )
    return np.asarray(x, "float32")


def read_values(key: str, path: str) -> list[str]:
    """Reads the feature's value for each vector.

    Args:
        key: the configuration key of the file, for messages.
        path: path of a text file with one value per line.
    """
    try:
        check_data_file(find_data(path))
        with find_data(path).open(encoding="utf-8-sig") as file:
            values = [line.rstrip("\n") for line in file]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error)}; give "
            "UTF-8 text with one id per line"
        ) from None
    first_lines: dict[str, int] = {}
    for i, value in enumerate(values):
        if first_lines.setdefault(value, i) < i:
            raise DataError(
                f"{key}: line {i + 1} of {path} is {value!r}, as line "
                f"{first_lines[value] + 1} is; give each id one vector"
            )
    return values


def example(values: list[str]) -> str:
    """Returns an insertion for a message that shows the first of some values."""
    return f", such as {values[0]!r}" if values else ", of which there are none"


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
        features: the fitted features.
        vectors_by_table: the vectors that `read` has returned.
    """
    from mtl_cli.layers.lookup import table_groups

    for group in table_groups(features.layout, config.encoder.embedding_dim):
        if not group.sizes.keys() & vectors_by_table.keys():
            continue
        weight = network.logits.get_layer(group.layer).table
        rows = weight.numpy()
        num_sets = rows.shape[1] // group.dim
        first_row = 0
        for name, size in group.sizes.items():
            if name in vectors_by_table:
                ids, vectors = vectors_by_table[name]
                rows[first_row + ids] = np.tile(vectors, (1, num_sets))
            first_row += size
        weight.assign(rows)
