"""Encodes the rows of tables into splits on disk, chunk by chunk in bounded memory.

The tables and the splits have the same names, but rows of the table `train` may belong
to the split `valid` or `test`. The code of a split is its position in `SPLITS`.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import as_whole_numbers
from mtl_cli.columns.cells import empty_cells
from mtl_cli.columns.vocabulary import check_group_column
from mtl_cli.data.cache_entry import EntryWriter
from mtl_cli.data.chunks import SplitRows
from mtl_cli.data.column_request import request_of_data
from mtl_cli.data.compute_report import data_report
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.feature_set_fitter import EarlierLearnt, FeatureSetFitter
from mtl_cli.data.label_statistics import LabelStatistics
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.profile import Profile
from mtl_cli.data.sources import OnProgress, Source, generated_source, open_source
from mtl_cli.data.split import SPLITS, split_rows
from mtl_cli.data.table import NO_GROUP, Array, as_arrays
from mtl_cli.heads.base import Output


def encode(
    dataset: Dataset,
    outputs: list[Output],
    folder: Path,
    earlier: EarlierLearnt | None,
    on_rows: OnProgress,
) -> None:
    """Reads and encodes all rows of a data set, and writes them into an empty folder.

    See `load` for the arguments other than `folder`.
    """
    on_rows(0, 0)  # the number of rows is not known yet
    request = request_of_data(dataset, outputs)
    sources = {
        name: generated_source(table, request)
        for name, table in dataset.generate().items()
    }
    if not sources:  # the data set is read from files
        for name, location in dataset.locations.items():
            # The rows of text files are copied to this file, see `open_text`.
            spill = folder / f"{name}.spilled"
            key = f"dataset.{name}"
            sources[name] = open_source(key, location, dataset, request, spill)
    with closing(EntryWriter(folder)) as writer:
        encode_sources(dataset, outputs, sources, writer, earlier, on_rows)
    for spilled_file in folder.glob("*.spilled"):
        spilled_file.unlink()


def encode_sources(
    dataset: Dataset,
    outputs: list[Output],
    sources: dict[str, Source],
    writer: EntryWriter,
    earlier: EarlierLearnt | None,
    on_rows: OnProgress,
) -> None:
    """Reads all rows twice, and writes encoded arrays, the report and the manifest.

    The first reading learns from the training rows, and writes the labels of all rows.
    The second reading encodes the features of all rows, and writes them.
    """
    codes_by_table, early_rows_findings = split_rows(dataset, sources)
    rows = SplitRows(sources, codes_by_table, on_rows)
    profile = Profile(rows.num_rows)
    statistics = LabelStatistics(dataset, outputs)
    fitter = learn_and_write_labels(dataset, outputs, rows, writer, profile, statistics)
    features = fitter.finish(earlier)
    encode_features(features, rows, writer, profile)
    splits = writer.flushed_tables()
    report = data_report(outputs, features, profile, splits, continued=earlier or {})
    report["findings"] += early_rows_findings
    writer.write_manifest(
        {"features": features.learnt, "labels": statistics.by_task(), "report": report}
    )


def learn_and_write_labels(
    dataset: Dataset,
    outputs: list[Output],
    rows: SplitRows,
    writer: EntryWriter,
    profile: Profile,
    statistics: LabelStatistics,
) -> FeatureSetFitter:
    """Learns from the training rows, and writes all labels and row numbers."""
    train_code = SPLITS.index("train")
    num_training_rows = int((rows.codes_by_table["train"] == train_code).sum())
    fitter = FeatureSetFitter(dataset.used_features, num_training_rows)
    group_codes = GroupCodes(dataset.group_column)
    for chunk in rows.chunks():
        table = chunk.table
        is_training = chunk.codes == train_code
        with chunk.located_errors:
            labels = labels_of_rows(dataset, outputs, table)
            labels = replace(labels, groups=group_codes.encode(table))
            if chunk.table_name == "train":
                statistics.add(labels, table, is_training)
                fitter.add(table, is_training)
        profile.add(table, chunk.codes)
        row_numbers = np.arange(chunk.first_row, chunk.first_row + table.num_rows)
        for split, selected in chunk.rows_by_split():
            writer.add(split, "row_numbers", row_numbers[selected])
            for name, array in as_arrays(labels).items():
                writer.add(split, name, array[selected])
    statistics.check()
    return fitter


def encode_features(
    features: FeatureSet, rows: SplitRows, writer: EntryWriter, profile: Profile
) -> None:
    for chunk in rows.chunks():
        with chunk.located_errors:
            encoded = features.encode(chunk.table)
        profile.count_values(
            features, chunk.table_name, chunk.table, encoded, chunk.codes
        )
        for split, selected in chunk.rows_by_split():
            for name, array in encoded.items():
                writer.add(split, f"features.{name}", array[selected])


class GroupCodes:
    """Gives a whole number to each distinct value of the group column.

    The numbers are the same in all chunks. Empty cells get `NO_GROUP`, because rows
    without a user do not belong to one common user.
    """

    def __init__(self, column: str | None) -> None:
        self.column = column
        self.codes: dict[object, int] = {}

    def encode(self, table: pa.Table) -> Array | None:
        """Returns the code of each row's value, int32 (rows,); None without groups."""
        if self.column is None:
            return None
        column = table[self.column]
        check_group_column(f"dataset.group_column: '{self.column}'", column)
        if pa.types.is_time(column.type):  # Python's times have no nanoseconds
            column = as_whole_numbers(column)
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        values = encoded.dictionary
        codes = [
            NO_GROUP if is_empty else self.codes.setdefault(value, len(self.codes))
            for value, is_empty in zip(
                values.to_pylist(), empty_cells(values), strict=True
            )
        ]
        return np.asarray(np.array(codes, "int32")[np.asarray(encoded.indices)])
