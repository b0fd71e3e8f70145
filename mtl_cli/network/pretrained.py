"""Reads pretrained vectors from files, and writes them into embedding tables.

A feature with the key `pretrained` has two files. Line i of the text file
`pretrained.ids` is a value of the feature, such as `shoes`; row i of the array in
`pretrained.vectors` is the vector of this value. The *id* of a value is the row of its
vector in the embedding table, from 1.
"""

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.locations import data_path
from mtl_cli.core.other_files import check_data_file
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.fingerprint import content_hash
from mtl_cli.features.base import Pretrained

if TYPE_CHECKING:
    from mtl_cli.network.network import Network

Vectors = npt.NDArray[np.float32]


class PretrainedVectors(NamedTuple):
    """The initial vectors (n, dim) of the rows `ids` (n,) of an embedding table."""

    ids: npt.NDArray[np.int64]
    vectors: Vectors


def read_all(config: Config, features: FeatureSet) -> dict[str, PretrainedVectors]:
    """Returns {feature: its vectors}, for all features with the key `pretrained`."""
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


def file_hashes(config: Config) -> dict[str, str]:
    """Returns {path in the configuration: SHA-256} of all files that `read_all` reads.

    Secrets in the paths are replaced, as they are in `environment.json`.
    """
    hashes = {}
    for name, feature in config.dataset.used_features.items():
        pretrained: Pretrained | None = getattr(feature, "pretrained", None)
        if pretrained is None:
            continue
        for key, path in (("vectors", pretrained.vectors), ("ids", pretrained.ids)):
            try:
                check_data_file(data_path(path))
                hashes[path] = content_hash(data_path(path))
            except (OSError, ValueError) as error:
                raise DataError(
                    f"dataset.features.{name}.pretrained.{key}: cannot read {path}: "
                    f"{first_line(error)}; check the file"
                ) from None
    return mask_secrets(hashes)


def read_vectors_of_feature(
    feature: str, pretrained: Pretrained, dim: int, vocabulary: list[str]
) -> PretrainedVectors:
    """Reads the vectors of the feature's values.

    `dim` is the length of the vectors in the feature's embedding table. The vocabulary
    is in the order of the ids 1, 2, ...
    """
    feature_key = f"dataset.features.{feature}"
    key = f"{feature_key}.pretrained"
    vectors = read_vectors(f"{key}.vectors", pretrained.vectors)
    values = read_values(f"{key}.ids", pretrained.ids)
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
    id_by_value = {value: i for i, value in enumerate(vocabulary, start=1)}
    known_rows = [row for row, value in enumerate(values) if value in id_by_value]
    if not known_rows:
        raise DataError(
            f"{key}.ids: no line of {pretrained.ids} is one of the {len(vocabulary):,} "
            "values of the feature; write one value of the feature per line, or lower "
            f"{feature_key}.min_count"
        )
    ids = np.array([id_by_value[values[row]] for row in known_rows])
    return PretrainedVectors(ids, vectors[known_rows])


def read_vectors(key: str, path: str) -> Vectors:
    """Reads the file `pretrained.vectors`, an `.npy` file, as float32, (N, dim)."""
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
    if not np.isfinite(vectors_in_float32).all():
        raise DataError(
            f"{key}: {path} has a number that is not finite in float32; correct it"
        )
    return vectors_in_float32


def read_values(key: str, path: str) -> list[str]:
    """Reads the file `pretrained.ids`: one value of the feature per line."""
    try:
        check_data_file(data_path(path))
        with data_path(path).open(encoding="utf-8-sig") as file:
            values = [line.rstrip("\n") for line in file]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{key}: cannot read {path}: {first_line(error)}; give "
            "UTF-8 text with one value per line"
        ) from None
    for value, count in Counter(values).most_common(1):
        if count > 1:
            raise DataError(
                f"{key}: {count} lines of {path} are {value!r}; give each value one "
                "line and one vector"
            )
    return values


def write_into_tables(
    network: "Network",
    config: Config,
    features: FeatureSet,
    vectors_by_feature: dict[str, PretrainedVectors],
) -> None:
    """Writes the vectors that `read_all` returns into a network's embedding tables.

    Training does not change a frozen table, so its other vectors become zeros.
    Each set of embeddings gets the same vectors.
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
            table = values[group.rows_by_table[name]]  # a view of `values`
            if group.frozen:
                table[:] = 0
            table[ids] = np.tile(vectors, (1, num_sets))
        weight.assign(values)
