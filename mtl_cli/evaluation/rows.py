"""Reads and predicts the rows to evaluate.

The rows come from a table on disk or in memory, or from the run's own validation split.
A table is read in blocks. The labels and predictions of all rows are kept, but the
features only of the rows in a random sample.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.encode import GroupCodes
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.load import load
from mtl_cli.data.row_progress import OnRows, no_progress
from mtl_cli.data.sources import Source
from mtl_cli.data.table import Array, Table, as_arrays, as_table
from mtl_cli.evaluation.drift import FeatureCounts
from mtl_cli.evaluation.loaded_run import LoadedRun
from mtl_cli.evaluation.needed_columns import EvaluationPlan
from mtl_cli.heads.base import Output
from mtl_cli.runs.prediction import blocks

# The importance of features and the weights of gates are measured on a random sample of
# this many rows.
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class EvaluatedRows:
    """The rows to evaluate, with their predictions.

    Attributes:
        source: the name of the table in messages.
        outputs: the outputs that can be scored.
        table: labels, weights, groups and true probabilities of the rows, without their
            features.
        predictions: {output of the model: (rows,) or (rows, classes)}.
        slice_columns: {column that makes slices: its cells}.
        sample: a random sample of the rows, with their features.
        sample_indices: the indices of the sampled rows, ascending, (sampled rows,).
        counts: the distributions of the features.
        remarks: what is left out of the evaluation, and why, one line each.
    """

    source: str
    outputs: list[Output]
    table: Table
    predictions: dict[str, Array]
    slice_columns: dict[str, pa.ChunkedArray]
    sample: Table
    sample_indices: Array
    counts: FeatureCounts
    remarks: list[str]

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.predictions.values())))


def rows_of_source(
    model: LoadedRun,
    source: Source,
    plan: EvaluationPlan,
    by: list[str],
    on_rows: Callable[[int, int], None],
) -> EvaluatedRows:
    """Encodes and predicts all rows of a table, block by block.

    Args:
        model: the model.
        source: the rows.
        plan: what is evaluated.
        by: the columns that make slices.
        on_rows: is called after each block with the number of rows that are read, and
            the number of all rows.
    """
    collector = RowCollector(model, plan, by, random_indices(source.num_rows))
    for block in blocks(source):
        with source.located_errors(collector.num_rows):
            encoded = model.features.encode(block)
            labels = labels_of_rows(plan.dataset, plan.outputs, block)
        collector.add(block, encoded, labels)
        on_rows(collector.num_rows, source.num_rows)
    return collector.collected(source.path)


class RowCollector:
    """Predicts blocks of rows, and collects what an evaluation needs of the rows.

    Args:
        model: the model.
        plan: what is evaluated.
        by: the columns that make slices.
        sample_indices: the indices of the rows whose features are kept, ascending.

    Attributes:
        num_rows: the number of rows so far.
    """

    def __init__(
        self,
        model: LoadedRun,
        plan: EvaluationPlan,
        by: list[str],
        sample_indices: Array,
    ) -> None:
        self.model, self.plan, self.sample_indices = model, plan, sample_indices
        self.num_rows = 0
        self.labels: dict[str, list[Array]] = defaultdict(list)
        self.predictions: dict[str, list[Array]] = defaultdict(list)
        self.features: dict[str, list[Array]] = defaultdict(list)
        self.slice_columns: dict[str, list[pa.Array]] = {column: [] for column in by}
        self.counts = FeatureCounts(model.features, model.folder)
        self.group_codes = GroupCodes()

    def add(self, block: pa.Table, encoded: dict[str, Array], labels: Table) -> None:
        """Predicts the rows of a block, and adds the block.

        Args:
            block: the rows.
            encoded: the encoded rows, {input of the network: (rows, width)}.
            labels: the labels and weights of the rows.
        """
        group_column = self.plan.dataset.group_column
        if group_column is not None:
            # The codes of groups must be the same in all blocks.
            groups = self.group_codes.encode(block[group_column])
            labels = replace(labels, groups=groups)
        for name, x in as_arrays(labels).items():
            self.labels[name].append(x)
        for name, x in self.model.network.predict(Table(encoded, {}, {})).items():
            self.predictions[name].append(x)
        self.counts.add(encoded, block)
        bounds = self.num_rows, self.num_rows + block.num_rows
        start, stop = np.searchsorted(self.sample_indices, bounds)
        sampled_in_block = self.sample_indices[start:stop] - self.num_rows
        for name, x in encoded.items():
            self.features[f"features.{name}"].append(x[sampled_in_block])
        for column, chunks in self.slice_columns.items():
            chunks += block[column].chunks
        self.num_rows += block.num_rows

    def collected(self, source: str) -> EvaluatedRows:
        """Returns the rows of all blocks.

        Args:
            source: the name of the table in messages.
        """
        table = as_table(concatenated(self.labels))
        sample = {name: x[self.sample_indices] for name, x in as_arrays(table).items()}
        return EvaluatedRows(
            source=source,
            outputs=self.plan.outputs,
            table=table,
            predictions=concatenated(self.predictions),
            slice_columns={
                column: pa.chunked_array(chunks)
                for column, chunks in self.slice_columns.items()
            },
            sample=as_table(sample | concatenated(self.features)),
            sample_indices=self.sample_indices,
            counts=self.counts,
            remarks=self.plan.remarks,
        )


def validation_rows(model: LoadedRun, on_rows: OnRows = no_progress) -> EvaluatedRows:
    """Reads the run's own validation rows, and predicts them.

    Args:
        model: the model.
        on_rows: is called with the number of encoded rows, and the number of all rows,
            if the encoded rows are not in the cache.

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
    table = valid.read(0, valid.num_rows)
    counts = FeatureCounts(model.features, model.folder)
    counts.add(table.features)
    indices = random_indices(valid.num_rows)
    return EvaluatedRows(
        source="the validation rows",
        outputs=model.config.outputs,
        table=replace(table, features={}),
        predictions=model.network.predict(table),
        slice_columns={},
        sample=table.take(indices),
        sample_indices=indices,
        counts=counts,
        remarks=[],
    )


def random_indices(num_rows: int) -> Array:
    """Draws the rows of the sample: all rows if there are at most `SAMPLE_ROWS`.

    Args:
        num_rows: the number of rows of the table.

    Returns: the indices of the sampled rows, ascending.
    """
    if num_rows <= SAMPLE_ROWS:
        return np.arange(num_rows)
    random = np.random.default_rng(0)
    return np.sort(random.choice(num_rows, SAMPLE_ROWS, replace=False))


def concatenated(blocks_by_name: dict[str, list[Array]]) -> dict[str, Array]:
    """Joins the blocks of each array."""
    return {name: np.concatenate(x) for name, x in blocks_by_name.items()}
