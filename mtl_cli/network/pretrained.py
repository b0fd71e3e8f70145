"""Reads pretrained vectors from files, and writes them into embedding tables.

A feature with the key `pretrained` has two files. Line i of the text file
`pretrained.ids` is a value of the feature, such as `shoes`; row i of the array in
`pretrained.vectors` is the vector of this value. The *id* of a value is the row of its
vector in the embedding table, from 1.
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
    """The initial vectors of some rows of an embedding table.

    Attributes:
        ids: the rows of the table, (n,).
        vectors: the initial vector of each of these rows, (n, dim).
    """

    ids: npt.NDArray[np.int64]
    vectors: Vectors


def read_all(config: Config, features: FeatureSet) -> dict[str, PretrainedVectors]:
    """Returns {feature: its vectors}, for all features with the key `pretrained`.

    Raises:
        DataError: if a file is missing or malformed, or does not fit the feature.
    """
    vectors_by_feature = {}
    for name, feature in features.by_name.items():
        pretrained: Pretrained | None = getattr(feature, "pretrained", None)
        if pretrained is not None:
            table = features.layout.tables[name]
            dim = table.vector_length(config.encoder.embedding_dim)
            vocabulary: list[str] = features.learnt[name]["vocabulary"]
            vectors_by_feature[name] = read_vectors_of_feature(
                name, pretrained, dim, vocabulary
            )
    return vectors_by_feature


def read_vectors_of_feature(
    feature: str, pretrained: Pretrained, dim: int, vocabulary: list[str]
) -> PretrainedVectors:
    """Reads the vectors of one feature.

    Vectors of values that are not in the vocabulary are left out.

    Args:
        feature: the name of the feature.
        pretrained: the paths of the files.
        dim: the length of the vectors in the feature's embedding table.
        vocabulary: the values of the feature, in the order of their ids 1, 2, ...
    """
    key = f"dataset.features.{feature}.pretrained"
    vectors = read_vectors(f"{key}.vectors", pretrained.vectors)
    values = read_values(f"{key}.ids", pretrained.ids)
    if len(values) == len(vectors) + 1 and not values[-1]:
        values.pop()  # a blank line at the end of the file
    check_sizes(feature, pretrained, values, vectors, dim)
    if not vocabulary:
        raise DataError(
            f"{key}: no value of the feature is frequent enough to get a vector; lower "
            f"dataset.features.{feature}.min_count or leave out pretrained"
        )
    id_by_value = {value: i for i, value in enumerate(vocabulary, start=1)}
    known_rows = [row for row, value in enumerate(values) if value in id_by_value]
    if not known_rows:
        raise DataError(
            f"{key}.ids: no line of {pretrained.ids} is a value of the feature: the "
            f"file has {values[0]!r}, the feature has {vocabulary[0]!r}; write one "
            "value of the feature per line"
        )
    ids = np.array([id_by_value[values[row]] for row in known_rows])
    return PretrainedVectors(ids, vectors[known_rows])


def check_sizes(
    feature: str, pretrained: Pretrained, values: list[str], vectors: Vectors, dim: int
) -> None:
    """Raises DataError if the files do not fit each other or the embedding table.

    `values` and `vectors` are the contents of the files. See `read_vectors_of_feature`
    for the other arguments.
    """
    feature_key = f"dataset.features.{feature}"
    key = f"{feature_key}.pretrained"
    if len(values) != len(vectors):
        raise DataError(
            f"{key}.ids: {pretrained.ids} has {len(values):,} lines, but "
            f"{pretrained.vectors} has {len(vectors):,} vectors; write one line per "
            "vector"
        )
    if vectors.shape[1] != dim:
        raise DataError(
            f"{key}.vectors: {pretrained.vectors} has vectors of length "
            f"{vectors.shape[1]}, but the embedding table has length {dim}; set "
            f"{feature_key}.embedding_dim={vectors.shape[1]}"
        )
    if not values:
        raise DataError(
            f"{key}.ids: {pretrained.ids} is empty; write one value per line"
        )


def read_vectors(key: str, path: str) -> Vectors:
    """Reads an `.npy` file of vectors as float32, (N, dim).

    `key` is the key of the configuration that holds `path`; errors start with it.
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
    with np.errstate(over="ignore"):  # numbers beyond float32 become infinite
        vectors_in_float32 = np.asarray(vectors, "float32")
    is_finite = np.isfinite(vectors_in_float32).all(axis=1)
    if not is_finite.all():
        row = int(np.argmin(is_finite))
        raise DataError(
            f"{key}: row {row + 1} of {path} has a number that is not finite in "
            "float32; correct it"
        )
    return vectors_in_float32


def read_values(key: str, path: str) -> list[str]:
    """Reads the file `pretrained.ids`: one value of the feature per line.

    `key` is the key of the configuration that holds `path`; errors start with it.
    """
    try:
        check_data_file(data_path(path))
        with data_path(path).open(encoding="utf-8-sig") as file:
            values = [line.rstrip("\n") for line in file]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error)}; give "
            "UTF-8 text with one value per line"
        ) from None
    line_by_value: dict[str, int] = {}
    for line, value in enumerate(values, start=1):
        if value in line_by_value:
            raise DataError(
                f"{key}: lines {line_by_value[value]} and {line} of {path} are both "
                f"{value!r}; give each value one line and one vector"
            )
        line_by_value[value] = line
    return values


def write_into_tables(
    network: "Network",
    config: Config,
    features: FeatureSet,
    vectors_by_feature: dict[str, PretrainedVectors],
) -> None:
    """Writes the vectors that `read_all` returns into a network's embedding tables.

    The other vectors of a frozen table become zeros, because training would not change
    the random vectors that they start with. A network with several sets of embeddings,
    such as one set per task, gets the same vectors in each set.
    """
    from mtl_cli.layers.lookup import table_groups

    for group in table_groups(features.layout, config.encoder.embedding_dim):
        names = group.sizes.keys() & vectors_by_feature.keys()
        if not names:
            continue
        # The tables of a group lie one below the other in one weight, the sets of
        # embeddings side by side.
        weight = network.logits.get_layer(group.layer).table
        values = weight.numpy()
        num_sets = values.shape[1] // group.dim
        for name in names:
            ids, vectors = vectors_by_feature[name]
            table = values[
                group.rows_by_table[name]
            ]  # a view, so that changes reach `values`
            if group.frozen:
                table[:] = 0
            table[ids] = np.tile(vectors, (1, num_sets))
        weight.assign(values)
