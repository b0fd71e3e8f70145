"""Encodes the rows of files into splits on disk, chunk by chunk in bounded memory.

In this module, a file is `train`, `valid` or `test`, even if the configuration names
several files there. The code of a row's split is the position of the split in `SPLITS`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import check_single_values
from mtl_cli.data.cache_entry import EntryWriter
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.continued_features import EarlierLearnt
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set_fitter import FeatureSetFitter
from mtl_cli.data.label_statistics import LabelStatistics
from mtl_cli.data.labels import label_request, labels_of_rows
from mtl_cli.data.profile import Profile
from mtl_cli.data.report import data_report
from mtl_cli.data.row_progress import OnRows, RowProgress, no_progress
from mtl_cli.data.sources import Source, generated_source, open_source
from mtl_cli.data.split import SPLITS, Codes, split_rows, times_to_split_by
from mtl_cli.data.split_checks import early_rows, parts_of_days
from mtl_cli.data.table import NO_GROUP, Array, as_arrays
from mtl_cli.heads.base import Output


def encode(
    dataset: Dataset,
    outputs: list[Output],
    folder: Path,
    earlier: EarlierLearnt | None = None,
    on_rows: OnRows = no_progress,
) -> None:
    """Opens the files of a data set, and writes all rows encoded.

    Args:
        dataset: the files, and the meaning of their columns.
        outputs: the model's outputs.
        folder: the folder to write the encoded splits to.
        earlier: what features keep from an earlier run; None without such a run.
        on_rows: is called with the progress, see `OnRows`. Both counts are 0 until the
            number of rows is known.

    Raises:
        DataError: if a file does not fit the configuration.
    """
    on_rows(0, 0)
    request = column_request(dataset, outputs)
    sources = {
        file: generated_source(table, request)
        for file, table in dataset.generate().items()
    }
    if not sources:
        for file, location in dataset.locations.items():
            spill = folder / f"{file}.spilled"
            key = f"dataset.{file}"
            sources[file] = open_source(key, location, dataset, request, spill)
    with EntryWriter(folder) as writer:
        encode_sources(dataset, outputs, sources, writer, earlier, on_rows)
    for spilled_file in folder.glob("*.spilled"):
        spilled_file.unlink()


def encode_sources(
    dataset: Dataset,
    outputs: list[Output],
    sources: dict[str, Source],
    writer: EntryWriter,
    earlier: EarlierLearnt | None,
    on_rows: OnRows,
) -> None:
    """Reads all rows twice, and writes the entry of the cache.

    The first reading learns from the training rows, and writes the labels of all rows.
    The second reading encodes the features of all rows, and writes them. The encoding
    needs what the first reading has learnt from all training rows.
    """
    times_by_file = times_to_split_by(dataset, sources)
    codes_by_file = split_rows(dataset, sources, times_by_file)
    num_rows = sum(source.num_rows for source in sources.values())
    profile = Profile(
        num_rows,
        early_rows(times_by_file, codes_by_file),
        parts_of_days(times_by_file, codes_by_file),
    )
    del times_by_file  # 8 bytes per row
    progress = RowProgress(num_rows, on_rows)
    fitter, statistics = learn(
        dataset, outputs, sources, codes_by_file, writer, profile, progress
    )
    features = fitter.finish(earlier)
    for file, source in sources.items():
        for table, codes, first_row in chunks(source, codes_by_file[file], progress):
            with source.located_errors(first_row):
                encoded = features.encode(table)
            profile.count_unseen(features, table, encoded, codes)
            for split, rows in rows_by_split(codes):
                for name, array in encoded.items():
                    writer.add(split, f"features.{name}", array[rows])
    writer.write_manifest(
        {
            "features": features.learnt,
            "labels": statistics.statistics(),
            "report": data_report(
                outputs, features, profile, writer.tables(), earlier or {}
            ),
        }
    )


def learn(
    dataset: Dataset,
    outputs: list[Output],
    sources: dict[str, Source],
    codes_by_file: dict[str, Codes],
    writer: EntryWriter,
    profile: Profile,
    progress: RowProgress,
) -> tuple[FeatureSetFitter, LabelStatistics]:
    """Learns from the training rows, and writes the labels of all rows.

    Args:
        dataset: the data set.
        outputs: the model's outputs.
        sources: {file: its rows}.
        codes_by_file: {file: the code of each row's split}, see `split_rows`.
        writer: writes labels, weights, true probabilities, groups and row numbers.
        profile: counts properties of the raw rows.
        progress: counts the rows that are done.

    Returns: the fitter of the features, and the statistics of the training labels.
    """
    train = SPLITS.index("train")
    training_rows = int((codes_by_file["train"] == train).sum())
    fitter = FeatureSetFitter(dataset.used_features, training_rows)
    statistics = LabelStatistics(dataset, outputs)
    group_codes, group = GroupCodes(), dataset.group_column
    for file, source in sources.items():
        for table, codes, first_row in chunks(source, codes_by_file[file], progress):
            with source.located_errors(first_row):
                labels = labels_of_rows(dataset, outputs, table)
                if group is not None:
                    check_single_values(
                        f"dataset.group_column: '{group}'", table[group]
                    )
                    labels = replace(labels, groups=group_codes.encode(table[group]))
                if file == "train":
                    statistics.add(labels, table, codes == train)
                    fitter.add(table, codes == train)
            profile.add(file, table, codes)
            row_numbers = np.arange(first_row, first_row + table.num_rows)
            for split, rows in rows_by_split(codes):
                writer.add(split, "row_numbers", row_numbers[rows])
                labels_of_split = labels.take(rows)
                profile.count_labels(outputs, split, labels_of_split)
                for name, array in as_arrays(labels_of_split).items():
                    writer.add(split, name, array)
    statistics.check()
    return fitter, statistics


def column_request(dataset: Dataset, outputs: list[Output]) -> ColumnRequest:
    """Returns all columns that training reads, such as features and labels."""
    features = feature_request(dataset)
    labels = label_request(dataset, outputs)
    return ColumnRequest(features.keys | labels.keys, labels.types | features.types)


def feature_request(dataset: Dataset) -> ColumnRequest:
    """Returns the columns that features read.

    The features decide the types to which the cells of a text file are converted. If
    the cells decided, the ids 007 and 7 would become equal numbers, and a file that
    happens to hold only numbers would get another type than a file with words.
    """
    keys: dict[str, str] = {}
    types: dict[str, pa.DataType] = {}
    for name, column in dataset.feature_columns:
        keys[column] = f"dataset.features.{name}"
        # A column that features read both as numbers and as text has the type text:
        # text can be converted to numbers later, but numbers not to the same text.
        is_text = types.get(column) == pa.string() or not dataset.features[name].numeric
        types[column] = pa.string() if is_text else pa.float64()
    return ColumnRequest(keys, types)


def chunks(
    source: Source, codes: Codes, progress: RowProgress
) -> Iterator[tuple[pa.Table, Codes, int]]:
    """Yields the chunks of a source.

    Args:
        source: the rows.
        codes: the code of each row's split, (rows,).
        progress: counts the rows of each chunk when the caller asks for the next chunk.

    Yields: a table, the code of each of its rows, and the number of its first row.
    """
    first_row = 0
    for table in source.chunks():
        yield table, codes[first_row : first_row + table.num_rows], first_row
        first_row += table.num_rows
        progress.add(table.num_rows)


def rows_by_split(codes: Codes) -> Iterator[tuple[str, Array | slice]]:
    """Yields each split that occurs in a chunk, and an index of the split's rows.

    Args:
        codes: the code of each row's split, (rows,).
    """
    codes_present = np.unique(codes)
    for code in codes_present:
        yield SPLITS[code], slice(None) if len(codes_present) == 1 else codes == code


class GroupCodes:
    """Gives a whole number to each distinct value of the group column.

    The numbers are the same in all chunks. Empty cells get `NO_GROUP`, because rows
    without a user do not belong to one common user.
    """

    def __init__(self) -> None:
        self.codes: dict[object, int] = {}

    def encode(self, column: pa.ChunkedArray) -> Array:
        """Replaces each cell of a chunk by the number of its value, int32 (rows,)."""
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        codes = [
            # NaN is a missing value too. Only NaN differs from itself.
            NO_GROUP
            if value is None or value != value
            else self.codes.setdefault(value, len(self.codes))
            for value in encoded.dictionary.to_pylist()
        ]
        return np.asarray(np.array(codes, "int32")[np.asarray(encoded.indices)])
