"""From files to encoded splits on disk, chunk by chunk in bounded memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mtl_cli.columns.vocabulary import check_flat
from mtl_cli.core.errors import DataError, RowError
from mtl_cli.data.cache_entry import Writer
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet, FeatureSetFitter
from mtl_cli.data.label_statistics import Tally
from mtl_cli.data.labels import label_columns, label_types, labels_of_rows
from mtl_cli.data.profile import Profile
from mtl_cli.data.report import describe
from mtl_cli.data.sources import Source, generated_source, open_source
from mtl_cli.data.split import SPLITS, Codes, split_rows
from mtl_cli.data.table import NO_GROUP, Array, as_arrays
from mtl_cli.tasks.base import Output


def encode(dataset: Dataset, outputs: list[Output], folder: Path) -> None:
    """Encodes all rows into a folder of the cache.

    Args:
        dataset: where the rows are and what the columns mean.
        outputs: of the model, whose labels are needed.
        folder: that encoded splits are written to.
    """
    request = ColumnRequest(columns(dataset, outputs), types(dataset, outputs))
    sources = {
        file: generated_source(table, request)
        for file, table in dataset.generate().items()
    }
    if not sources:
        for file, path in dataset.paths.items():
            spill = folder / f"{file}.spilled"
            where = f"dataset.{file}"
            sources[file] = open_source(where, path, dataset, request, spill)
    with Writer(folder) as writer:
        write(dataset, outputs, sources, writer)
    for spilled in folder.glob("*.spilled"):
        spilled.unlink()


def write(
    dataset: Dataset,
    outputs: list[Output],
    sources: dict[str, Source],
    writer: Writer,
) -> None:
    """Reads all rows twice, chunk by chunk: to learn from them, then to encode them."""
    codes = split_rows(dataset, sources)
    profile = Profile(sum(source.rows for source in sources.values()))
    features, tally = learn(dataset, outputs, sources, codes, writer, profile)
    for file, source in sources.items():
        for table, split_of, first in chunks(source, codes[file]):
            with at(source, first):
                encoded = features.encode(table)
            profile.count_unseen(features, table, encoded, split_of)
            for split, rows in rows_of_splits(split_of):
                for name, x in encoded.items():
                    writer.add(split, f"features.{name}", x[rows])
    report = describe(outputs, features, profile, writer.tables())
    writer.write_manifest(
        {
            "features": features.learnt,
            "labels": tally.statistics(),
            "report": report,
        }
    )


def learn(
    dataset: Dataset,
    outputs: list[Output],
    sources: dict[str, Source],
    codes: dict[str, Codes],
    writer: Writer,
    profile: Profile,
) -> tuple[FeatureSet, Tally]:
    """Fits features to the training rows, and writes the labels of all rows."""
    rows = int((codes["train"] == SPLITS.index("train")).sum())
    fitter = FeatureSetFitter(dataset.used_features, rows)
    tally = Tally(dataset, outputs)
    groups, group = GroupCodes(), dataset.group_column
    for file, source in sources.items():
        for table, split_of, first in chunks(source, codes[file]):
            with at(source, first):
                found = labels_of_rows(dataset, outputs, table)
                if group is not None:
                    check_flat(f"dataset.group_column: '{group}'", table[group])
                if file == "train":
                    mine = split_of == SPLITS.index("train")
                    tally.add(found, table, mine)
                    fitter.add(table, mine)
            profile.add(file, table, split_of)
            if group is not None:
                found = replace(found, groups=groups.codes(table[group]))
            numbers = np.arange(first, first + table.num_rows)
            for split, chosen in rows_of_splits(split_of):
                writer.add(split, "row_numbers", numbers[chosen])
                mine = found.take(chosen)
                profile.count(outputs, split, mine)
                for name, x in as_arrays(mine).items():
                    writer.add(split, name, x)
    tally.check()
    return fitter.finish(), tally


def columns(dataset: Dataset, outputs: list[Output]) -> dict[str, str]:
    """Returns the columns that are read, and the key that asks for each."""
    return feature_columns(dataset) | label_columns(dataset, outputs)


def feature_columns(dataset: Dataset) -> dict[str, str]:
    """Returns those of them that features are made of."""
    return {c: f"dataset.features.{name}" for name, c in dataset.feature_columns}


def types(dataset: Dataset, outputs: list[Output]) -> dict[str, pa.DataType]:
    """Returns what the columns of a text file hold, as their use tells.

    A file's own rows are no guide: ids 007 and 7 differ, and a file that happens to
    hold only numbers must not differ in type from one that holds words too.
    """
    column_types = label_types(dataset, outputs)
    # A column that features read both as numbers and as text is text: numbers can be
    # read from text later, but text cannot be restored from numbers.
    for numeric in (True, False):
        for name, column in dataset.feature_columns:
            if dataset.features[name].numeric is numeric:
                column_types[column] = pa.float64() if numeric else pa.string()
    return column_types


def chunks(source: Source, codes: Codes) -> Iterator[tuple[pa.Table, Codes, int]]:
    """Yields tables, which split each row belongs to, and the first row's number."""
    first = 0
    for table in source.chunks():
        yield table, codes[first : first + table.num_rows], first
        first += table.num_rows


def rows_of_splits(codes: Codes) -> Iterator[tuple[str, Any]]:
    """Yields the splits that some rows belong to, and which of them."""
    present = np.unique(codes)
    for code in present:
        yield SPLITS[code], slice(None) if len(present) == 1 else codes == code


class GroupCodes:
    """Gives a whole number to each distinct value of a column, over all chunks.

    Empty cells are `NO_GROUP`: rows without a user are not rows of one user.
    """

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def codes(self, column: pa.ChunkedArray) -> Array:
        """Returns the number of each row's value, int32 (rows,)."""
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        known = self.known
        numbers = [
            # NaN, which does not equal itself, is a missing value too.
            NO_GROUP if v is None or v != v else known.setdefault(v, len(known))
            for v in encoded.dictionary.to_pylist()
        ]
        found: Array = np.array(numbers, "int32")[np.asarray(encoded.indices)]
        return found


@contextmanager
def at(source: Source, first: int) -> Iterator[None]:
    """Adds to what is said of a chunk the file, and the row's number in it."""
    try:
        yield
    except RowError as error:
        path, row = source.locate(error.row + first)
        told = RowError(error.where, row, error.what)
        raise DataError(f"{told} [{path}]") from None
    except DataError as error:
        raise DataError(f"{error} [{source.path}]") from None
