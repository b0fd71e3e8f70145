"""Reads pretrained vectors from files, and writes them into embedding tables.

The words of this module:

- A *value* is a value of the feature, as text. Line i of the file `pretrained.ids` is
  the value to which vector i in the file `pretrained.vectors` belongs.
- The *id* of a value is the row of the value's vector in the embedding table, from 1.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.locations import data_path
from mtl_cli.core.other_files import check_data_file
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Pretrained

if TYPE_CHECKING:
    from mtl_cli.network.network import Network

Vectors = npt.NDArray[np.float32]


class PretrainedVectors(NamedTuple):
    """The initial vectors of some ids of an embedding table.

    Attributes:
        ids: the ids, (n,). In a frozen table, the vectors of all other ids are zeros;
            in a trained table, they start at random.
        vectors: the vector of each id, (n, dim).
    """

    ids: npt.NDArray[np.int64]
    vectors: Vectors


def read_all(config: Config, features: FeatureSet) -> dict[str, PretrainedVectors]:
    """Reads {embedding table: vectors} of all features with the key `pretrained`.

    Raises:
        DataError: if a file is missing or malformed, or does not fit the feature.
    """
    vectors_by_table = {}
    for name, feature in features.by_name.items():
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
    """Reads the vectors of one embedding table.

    If a line of the file `pretrained.ids` is not in the vocabulary, the line and its
    vector are left out.

    Args:
        name: the feature that owns the table.
        pretrained: the paths of the files.
        dim: the length of the table's vectors.
        vocabulary: the values of the feature, in the order of their ids 1, 2, ...
    """
    key = f"dataset.features.{name}.pretrained"
    vectors = read_vectors(f"{key}.vectors", pretrained.vectors)
    values = read_values(f"{key}.ids", pretrained.ids)
    check_sizes(name, pretrained, values, vectors, dim)
    if not vocabulary:
        raise DataError(
            f"{key}: no value of the feature is frequent enough to get a vector; lower "
            f"dataset.features.{name}.min_count or leave out pretrained"
        )
    id_by_value = {value: i + 1 for i, value in enumerate(vocabulary)}
    lines = [line for line, value in enumerate(values) if value in id_by_value]
    if not lines:
        raise DataError(
            f"{key}.ids: none of the {len(values):,} ids in {pretrained.ids}, such as "
            f"{values[0]!r}, is a value of the feature, such as {vocabulary[0]!r}; "
            "write, on each line, the value of the feature that has this vector"
        )
    ids = np.array([id_by_value[values[line]] for line in lines])
    return PretrainedVectors(ids, vectors[lines])


def check_sizes(
    name: str, pretrained: Pretrained, values: list[str], vectors: Vectors, dim: int
) -> None:
    """Raises DataError if the files do not fit each other or the embedding table.

    See `read_table` for the arguments.
    """
    feature_key = f"dataset.features.{name}"
    key = f"{feature_key}.pretrained"
    if len(values) != len(vectors):
        raise DataError(
            f"{key}.ids: {pretrained.ids} has {len(values):,} lines, but "
            f"{pretrained.vectors} has {len(vectors):,} vectors; give each vector "
            "one line"
        )
    if vectors.shape[1] != dim:
        raise DataError(
            f"{key}.vectors: {pretrained.vectors} has vectors of length "
            f"{vectors.shape[1]}, but the embedding table has length {dim}; set "
            f"{feature_key}.embedding_dim={vectors.shape[1]}"
        )
    if not values:
        raise DataError(f"{key}.ids: {pretrained.ids} is empty; write one id per line")


def read_vectors(key: str, path: str) -> Vectors:
    """Reads an `.npy` file of vectors as float32, (N, dim).

    `key` is the key that names the file. Errors start with this key.
    """
    try:
        check_data_file(data_path(path))
        with data_path(path).open("rb") as file:
            # `allow_pickle=False`: a pickle can run code when it is loaded.
            vectors: npt.NDArray[np.generic] = np.lib.format.read_array(
                file, allow_pickle=False
            )
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error)}; "
            "write an array (N, dim) of floats with numpy.save"
        ) from None
    if vectors.ndim != 2 or not np.issubdtype(vectors.dtype, np.floating):
        raise DataError(
            f"{key}: {path} holds {vectors.dtype} {vectors.shape}, not an array "
            "(N, dim) of floats; write such an array with numpy.save"
        )
    # A comparison with NaN is false, so its negation finds NaN as well.
    is_not_finite = ~(np.abs(vectors) <= np.finfo("float32").max)
    if is_not_finite.any():
        row = int(np.argmax(is_not_finite.any(axis=1)))
        raise DataError(
            f"{key}: row {row + 1} of {path} is not finite in float32; correct it"
        )
    return np.asarray(vectors, "float32")


def read_values(key: str, path: str) -> list[str]:
    """Reads the file `pretrained.ids`: one value of the feature per line.

    `key` is the key that names the file. Errors start with this key.
    """
    try:
        check_data_file(data_path(path))
        with data_path(path).open(encoding="utf-8-sig") as file:
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
                f"{key}: lines {first_lines[value] + 1} and {i + 1} of {path} are both "
                f"{value!r}; give each id one line and one vector"
            )
    return values


def write_into_tables(
    network: "Network",
    config: Config,
    features: FeatureSet,
    vectors_by_table: dict[str, PretrainedVectors],
) -> None:
    """Writes vectors that `read_all` has returned into a network's embedding tables.

    The other vectors of a frozen table become zeros, because training would not change
    the random vectors that they start with. A network with several sets of embeddings
    gets the same vectors in each set.
    """
    from mtl_cli.layers.lookup import table_groups

    for group in table_groups(features.layout, config.encoder.embedding_dim):
        tables = group.sizes.keys() & vectors_by_table.keys()
        if not tables:
            continue
        # The sets of embeddings lie side by side.
        weight = network.logits.get_layer(group.layer).table
        rows = weight.numpy()
        num_sets = rows.shape[1] // group.dim
        for name in tables:
            ids, vectors = vectors_by_table[name]
            if group.frozen:
                rows[group.rows_by_table[name]] = 0
            rows[group.rows_by_table[name]][ids] = np.tile(vectors, (1, num_sets))
        weight.assign(rows)
