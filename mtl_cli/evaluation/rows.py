"""Reads and predicts the rows to evaluate.

The rows come from a table on disk or in memory, or from the run's own validation split.
A table is read in blocks. The labels and predictions of all rows are kept, but the
features only of the rows in a random sample.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.encode import GroupCodes
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.load import load
from mtl_cli.data.sources import OnRows, Source
from mtl_cli.data.table import Array, Table, concatenate
from mtl_cli.evaluation.drift import FeatureCounts
from mtl_cli.evaluation.loaded_run import LoadedRun
from mtl_cli.evaluation.open_table import EvaluationPlan
from mtl_cli.heads.base import Output

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
        remarks: what is left out of the evaluation, or unexpected, one line each.
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
    model: LoadedRun, source: Source, plan: EvaluationPlan, on_rows: OnRows
) -> EvaluatedRows:
    """Encodes and predicts all rows of a table, block by block."""
    dataset, sample_indices = plan.dataset, random_indices(source.num_rows)
    counts, group_codes = FeatureCounts(model.features, model.folder), GroupCodes()
    tables, predictions, slice_cells, samples = [], [], [], []
    num_rows = 0
    for block in source.blocks():
        with source.located_errors(num_rows):
            encoded = model.features.encode(block)
            table = labels_of_rows(dataset, plan.outputs, block)
        if dataset.group_column is not None:
            # The codes of groups must be the same in all blocks.
            groups = group_codes.encode(block[dataset.group_column])
            table = replace(table, groups=groups)
        counts.add(encoded, block)
        tables.append(table)
        predictions.append(model.network.predict(Table(encoded, {}, {})))
        slice_cells.append(block.select(plan.by))
        bounds = num_rows, num_rows + block.num_rows
        start, stop = np.searchsorted(sample_indices, bounds)
        sampled_in_block = sample_indices[start:stop] - num_rows
        samples.append(replace(table, features=encoded).take(sampled_in_block))
        num_rows += block.num_rows
        on_rows(num_rows, source.num_rows)
    cells = pa.concat_tables(slice_cells)
    return EvaluatedRows(
        source=source.path,
        outputs=plan.outputs,
        table=concatenate(tables),
        predictions={
            name: np.concatenate([block[name] for block in predictions])
            for name in predictions[0]
        },
        slice_columns={column: cells[column] for column in plan.by},
        sample=concatenate(samples),
        sample_indices=sample_indices,
        counts=counts,
        remarks=plan.remarks,
    )


def validation_rows(model: LoadedRun, on_rows: OnRows) -> EvaluatedRows:
    """Reads the run's own validation rows, and predicts them.

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
    """Draws `SAMPLE_ROWS` rows, or all if there are fewer; the indices ascend."""
    if num_rows <= SAMPLE_ROWS:
        return np.arange(num_rows)
    random = np.random.default_rng(0)
    return np.sort(random.choice(num_rows, SAMPLE_ROWS, replace=False))
