"""Reads the rows to evaluate: their labels, predictions, slices, and a sample."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import GroupCodes, located_errors
from mtl_cli.data.files import format_by_ending
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.load import load
from mtl_cli.data.row_progress import OnRows, no_progress
from mtl_cli.data.sources import Source, column_names, open_source, value_type
from mtl_cli.data.table import Array, Table, as_arrays, as_table
from mtl_cli.evaluation.drift import FeatureCounts
from mtl_cli.evaluation.loaded_run import LoadedRun
from mtl_cli.evaluation.needed_columns import Evaluable, evaluable
from mtl_cli.heads.base import Output
from mtl_cli.runs.prediction import blocks

# Importance and gates are measured on a sample of this many rows.
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class Rows:
    """The rows to evaluate.

    Attributes:
        source: the table in messages.
        outputs: the outputs that can be scored.
        table: labels, weights, groups and true probabilities, without features.
        predictions: the predictions of all outputs of the model, by name.
        by: the columns that make slices, by name.
        sample: a random sample of the rows, with their features.
        sample_rows: the numbers of the sampled rows, ascending.
        counts: the distributions of the features.
        remarks: what is left out, and why, one line each.
    """

    source: str
    outputs: list[Output]
    table: Table
    predictions: dict[str, Array]
    by: dict[str, pa.ChunkedArray]
    sample: Table
    sample_rows: Array
    counts: FeatureCounts
    remarks: list[str]

    @property
    def number(self) -> int:
        """The number of rows."""
        return len(next(iter(self.predictions.values())))


def dataset_of(config: Config, path: str) -> Dataset:
    """Returns the data set of a run with the format that the ending of a path names."""
    file_format = format_by_ending(path) or config.dataset.format
    return config.dataset.model_copy(update={"format": file_format})


@contextmanager
def opened_table(
    model: LoadedRun, path: str, by: list[str]
) -> Iterator[tuple[Source, Evaluable]]:
    """Opens a file, folder, pattern or URL."""
    dataset = dataset_of(model.config, path)
    config = model.config.model_copy(update={"dataset": dataset})
    names = column_names("TABLE", path, dataset)
    needed = evaluable(config, names, by, path)
    with tempfile.TemporaryDirectory(prefix="mtl-evaluate-") as folder:
        spill = Path(folder, "rows")
        yield open_source("TABLE", path, needed.dataset, needed.request, spill), needed


def table_in_memory(
    model: LoadedRun, table: pa.Table, by: list[str]
) -> tuple[Source, Evaluable]:
    """Returns the rows of an Arrow table."""
    needed = evaluable(model.config, table.column_names, by, "the table")
    if not table.num_rows:
        raise DataError("TABLE: the table has no rows")
    needed.request.check("TABLE", "the table", table.column_names)
    rows = table.select(needed.request.columns)
    rows = rows.cast(pa.schema({f.name: value_type(f.type) for f in rows.schema}))
    return Source("the table", rows.num_rows, lambda _: iter([rows])), needed


def rows_of_source(
    model: LoadedRun,
    source: Source,
    needed: Evaluable,
    by: list[str],
    on_rows: Callable[[int, int], None],
) -> Rows:
    """Encodes and predicts all rows of a table, block by block.

    Args:
        model: the model.
        source: the rows.
        needed: the outputs and columns to read.
        by: the columns that make slices.
        on_rows: receives the numbers of read and of all rows after each block.
    """
    collector = RowCollector(model, needed, by, sampled_rows(source.rows))
    for block in blocks(source):
        with located_errors(source, collector.rows):
            encoded = model.features.encode(block)
            labels = labels_of_rows(needed.dataset, needed.outputs, block)
        collector.add(block, encoded, labels)
        on_rows(collector.rows, source.rows)
    return collector.collected(source.path)


class RowCollector:
    """Collects what an evaluation needs of rows that come block by block.

    Args:
        model: the model.
        needed: the outputs and columns to read.
        by: the columns that make slices.
        sampled: the numbers of the rows whose features are kept, ascending.

    Attributes:
        rows: the number of rows so far.
    """

    def __init__(
        self, model: LoadedRun, needed: Evaluable, by: list[str], sampled: Array
    ) -> None:
        self.model, self.needed, self.sampled = model, needed, sampled
        self.rows = 0
        self.labels: dict[str, list[Array]] = defaultdict(list)
        self.predictions: dict[str, list[Array]] = defaultdict(list)
        self.features: dict[str, list[Array]] = defaultdict(list)
        self.by: dict[str, list[pa.Array]] = {column: [] for column in by}
        self.counts = FeatureCounts(model.features, model.folder)
        self.group_codes = GroupCodes()

    def add(self, block: pa.Table, encoded: dict[str, Array], labels: Table) -> None:
        """Predicts and counts a block.

        Args:
            block: the rows.
            encoded: the encoded rows, {input of the network: (rows, width)}.
            labels: the labels and weights of the rows.
        """
        group = self.needed.dataset.group_column
        if group is not None:
            labels = replace(labels, groups=self.group_codes.encode(block[group]))
        for name, x in as_arrays(labels).items():
            self.labels[name].append(x)
        for name, x in self.model.network.predict(Table(encoded, {}, {})).items():
            self.predictions[name].append(x)
        self.counts.add(encoded, block)
        ends = self.rows, self.rows + block.num_rows
        first, last = np.searchsorted(self.sampled, ends)
        inside = self.sampled[first:last] - self.rows
        for name, x in encoded.items():
            self.features[f"features.{name}"].append(x[inside])
        for column, chunks in self.by.items():
            chunks += block[column].chunks
        self.rows += block.num_rows

    def collected(self, source: str) -> Rows:
        """Returns all rows.

        Args:
            source: the table in messages.
        """
        table = as_table(concatenated(self.labels))
        sample = {name: x[self.sampled] for name, x in as_arrays(table).items()}
        return Rows(
            source,
            self.needed.outputs,
            table,
            concatenated(self.predictions),
            {column: pa.chunked_array(chunks) for column, chunks in self.by.items()},
            as_table(sample | concatenated(self.features)),
            self.sampled,
            self.counts,
            self.needed.remarks,
        )


def validation_rows(model: LoadedRun, on_rows: OnRows = no_progress) -> Rows:
    """Reads the data of the run again; returns its validation rows.

    Args:
        model: the model.
        on_rows: receives the numbers of finished and of all rows, if the rows must be
            encoded again.

    Raises:
        DataError: if the run has no validation rows, or its data has changed.
    """
    if not model.config.dataset.has_validation:
        raise DataError(
            f"{model.folder} has no validation rows; name a table to evaluate it on"
        )
    data = load(model.config.dataset, model.config.outputs, on_rows=on_rows)
    if data.features.learnt != model.features.learnt:
        raise DataError(
            f"the data of {model.folder} has changed since it was trained; name a "
            "table to evaluate it on"
        )
    valid = data.splits["valid"]
    table = valid.read(0, valid.rows)
    counts = FeatureCounts(model.features, model.folder)
    counts.add(table.features)
    sampled = sampled_rows(valid.rows)
    return Rows(
        "the validation rows",
        model.config.outputs,
        replace(table, features={}),
        model.network.predict(table),
        {},
        table.take(sampled),
        sampled,
        counts,
        [],
    )


def sampled_rows(num_rows: int) -> Array:
    """Returns the numbers of sampled rows, ascending; all of a small table."""
    if num_rows <= SAMPLE_ROWS:
        return np.arange(num_rows)
    random = np.random.default_rng(0)
    return np.sort(random.choice(num_rows, SAMPLE_ROWS, replace=False))


def concatenated(blocks_by_name: dict[str, list[Array]]) -> dict[str, Array]:
    """Returns the blocks of each array as one array."""
    return {name: np.concatenate(x) for name, x in blocks_by_name.items()}
