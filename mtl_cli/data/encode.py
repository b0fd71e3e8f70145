"""Encodes the rows of tables into splits on disk, chunk by chunk in bounded memory.

The tables and the splits have the same names, but rows of the table `train` may belong
to the split `valid` or `test`. The code of a split is its position in `SPLITS`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import as_whole_numbers
from mtl_cli.columns.cells import empty_cells
from mtl_cli.columns.vocabulary import check_group_column
from mtl_cli.data.cache_entry import EntryWriter
from mtl_cli.data.column_request import ColumnRequest, request_of_data
from mtl_cli.data.compute_report import data_report
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.feature_set_fitter import EarlierLearnt, FeatureSetFitter
from mtl_cli.data.label_statistics import LabelStatistics
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.profile import Profile
from mtl_cli.data.sources import OnProgress, Source, generated_source, open_source
from mtl_cli.data.split import SPLITS, Codes, split_rows
from mtl_cli.data.table import NO_GROUP, Array, as_arrays
from mtl_cli.heads.base import Output

TRAIN_CODE = SPLITS.index("train")


class Chunk(NamedTuple):
    """Some rows of a table.

    Attributes:
        table: the requested columns of the rows.
        codes: the code of each row's split, (rows,).
        first_row: the position of the chunk's first row in the table, from 0.
        located_errors: see `Source.located_errors`.
    """

    table_name: str
    table: pa.Table
    codes: Codes
    first_row: int
    located_errors: AbstractContextManager[None]


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
    sources = open_tables(dataset, request_of_data(dataset, outputs), folder)
    with closing(EntryWriter(folder)) as writer:
        encode_sources(dataset, outputs, sources, writer, earlier, on_rows)
    for spilled_file in folder.glob("*.spilled"):
        spilled_file.unlink()


def open_tables(
    dataset: Dataset, request: ColumnRequest, folder: Path
) -> dict[str, Source]:
    """Opens, or generates, all tables of a data set.

    The rows of text files are copied to files in `folder` with the ending `.spilled`,
    see `open_text`.

    Returns: {table: its rows}, for the tables `train`, `valid` and `test` that exist.
    """
    tables = dataset.generate()
    check_generated(tables, dataset)
    if dataset.is_generated:
        return {name: generated_source(x, request) for name, x in tables.items()}
    return {
        name: open_source(
            f"dataset.{name}", location, dataset, request, folder / f"{name}.spilled"
        )
        for name, location in dataset.locations.items()
    }


def check_generated(tables: dict[str, pa.Table], dataset: Dataset) -> None:
    """Refuses a wrong value that the `generate` of a plugin has returned."""
    names = list(tables)
    if dataset.is_generated and not {"train"} <= set(names) <= set(SPLITS):
        raise ValueError(
            f"dataset.generator: generate returned the tables {names}; expected train, "
            "and perhaps valid and test"
        )


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
    codes_by_table, split_findings = split_rows(dataset, sources)
    num_rows = sum(source.num_rows for source in sources.values())
    chunks = partial(read_chunks, sources, codes_by_table, on_rows)
    profile = Profile(num_rows)
    statistics = LabelStatistics(dataset, outputs)
    num_training_rows = int((codes_by_table["train"] == TRAIN_CODE).sum())
    fitter = FeatureSetFitter(dataset.used_features, num_training_rows)
    group_codes = GroupCodes(dataset.group_column)
    for chunk in chunks(num_done=0):
        with chunk.located_errors:
            labels = labels_of_rows(dataset, outputs, chunk.table)
            labels = replace(labels, groups=group_codes.encode(chunk.table))
            if chunk.table_name == "train":
                is_training = chunk.codes == TRAIN_CODE
                statistics.add(labels, chunk.table, is_training)
                fitter.add(chunk.table, is_training)
        profile.add(chunk.table, chunk.codes)
        rows = np.arange(chunk.first_row, chunk.first_row + chunk.table.num_rows)
        write_chunk(writer, chunk, {"row_numbers": rows} | as_arrays(labels))
    statistics.check()
    features = fitter.finish(earlier)
    write_features(features, chunks(num_done=num_rows), writer, profile)
    splits = writer.flushed_tables()
    report = data_report(outputs, features, profile, splits, continued=earlier or {})
    report["findings"] += split_findings
    writer.write_manifest(
        {"features": features.learnt, "labels": statistics.by_task(), "report": report}
    )


def write_features(
    features: FeatureSet, chunks: Iterator[Chunk], writer: EntryWriter, profile: Profile
) -> None:
    for chunk in chunks:
        with chunk.located_errors:
            encoded = features.encode(chunk.table)
        profile.count_values(features, chunk.table, encoded, chunk.codes)
        arrays = {f"features.{name}": array for name, array in encoded.items()}
        write_chunk(writer, chunk, arrays)


def read_chunks(
    sources: dict[str, Source],
    codes_by_table: dict[str, Codes],
    on_rows: OnProgress,
    num_done: int,
) -> Iterator[Chunk]:
    """Yields all rows of all tables, and reports the progress of the two readings.

    `num_done` is the number of rows that an earlier reading has read.
    """
    num_rows = sum(source.num_rows for source in sources.values())
    for table_name, source in sources.items():
        first_row = 0
        for table in source.chunks():
            next_row = first_row + table.num_rows
            codes = codes_by_table[table_name][first_row:next_row]
            errors = source.located_errors(first_row)
            yield Chunk(table_name, table, codes, first_row, errors)
            first_row = next_row
            num_done += table.num_rows
            on_rows(num_done, 2 * num_rows)


def write_chunk(writer: EntryWriter, chunk: Chunk, arrays: dict[str, Array]) -> None:
    """Appends the rows of some arrays to the splits to which the rows belong."""
    codes = np.unique(chunk.codes)
    for code in codes:
        # If all rows belong to one split, a slice of all rows copies no rows.
        rows = slice(None) if len(codes) == 1 else chunk.codes == code
        for name, array in arrays.items():
            writer.add(SPLITS[code], name, array[rows])


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
