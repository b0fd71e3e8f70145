"""Reads and predicts the rows to evaluate.

The rows come from a table on disk or in memory, or from the run's own validation split.
A table is read in blocks, see `evaluation.blocks`.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.load import Data
from mtl_cli.data.scenarios import RowScenarios, find_scenarios
from mtl_cli.data.sources import OnProgress, Source
from mtl_cli.data.table import Array, Table, concatenate
from mtl_cli.evaluation.blocks import BlockEvaluator
from mtl_cli.evaluation.data_of_run import remarks_on_data
from mtl_cli.evaluation.feature_drift import FeatureCounts
from mtl_cli.evaluation.plan import BY, EvaluationPlan
from mtl_cli.heads.base import Output
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.scoring.value_codes import numbers_from_text

# The importance of features and the weights of gates are measured on a random sample of
# this many rows.
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class EvaluatedRows:
    """The rows to evaluate, with their predictions."""

    table_name: str
    outputs: list[Output]  # the outputs that can be scored
    table: Table  # the rows without their features
    predictions: dict[str, Array]  # {output: (rows,) or (rows, classes)}
    slice_columns: dict[str, pa.ChunkedArray]  # {column that makes slices: its cells}
    # {feature that makes slices: its number of each row, see `FeatureSet.summary`}
    slice_features: dict[str, Array]
    sample: Table  # a random sample of the rows, with their features
    sample_indices: Array  # the indices of the sampled rows, ascending
    feature_counts: FeatureCounts
    row_numbers: Array  # the index of each row in the table, from 0
    scenarios: RowScenarios | None
    remarks: list[str]  # what is left out, or unexpected, one line each
    drift_problem: str = ""  # why the drift is unknown; "" if it can be measured

    @property
    def num_rows(self) -> int:
        return len(next(iter(self.predictions.values())))


def rows_of_source(
    model: TrainedModel, source: Source, plan: EvaluationPlan, on_rows: OnProgress
) -> EvaluatedRows:
    """Encodes and predicts all rows of a table, block by block.

    If the run was trained on a single scenario, the rows of all others are left out.
    """
    row_numbers, remarks = row_numbers_to_evaluate(model, source)
    sample_indices = random_indices(len(row_numbers))
    evaluator = BlockEvaluator(model, plan, row_numbers, row_numbers[sample_indices])
    first_row = 0
    for raw_block in source.blocks():
        with source.located_errors(first_row):
            encoded_block = evaluator.encode(raw_block)
        on_rows(first_row + raw_block.num_rows, source.num_rows)
        evaluator.evaluate(raw_block, encoded_block, first_row)
        first_row += raw_block.num_rows
    table, predictions = concatenate(evaluator.tables), evaluator.predictions
    remarks = [*plan.remarks, *remarks, *evaluator.unknown_label_remarks(table)]
    return EvaluatedRows(
        table_name=source.path,
        outputs=plan.outputs,
        table=table,
        predictions={
            name: np.concatenate([block[name] for block in predictions])
            for name in predictions[0]
        },
        slice_columns=slice_columns(source, plan, evaluator.slice_cells),
        slice_features={
            name: np.concatenate([block[name] for block in evaluator.slice_values])
            for name in plan.slice_features
        },
        sample=concatenate(evaluator.samples),
        sample_indices=sample_indices,
        feature_counts=evaluator.feature_counts,
        row_numbers=row_numbers,
        scenarios=joined_scenarios(evaluator.row_scenarios),
        remarks=remarks,
        drift_problem=plan.drift_problem,
    )


def slice_columns(
    source: Source, plan: EvaluationPlan, cells_of_blocks: list[pa.Table]
) -> dict[str, pa.ChunkedArray]:
    """Returns {column that makes slices: its cells in all blocks}."""
    cells = pa.concat_tables(cells_of_blocks)
    columns = dict(zip(cells.column_names, cells.columns, strict=True))
    for column in plan.slice_columns:
        # A column that is read from a text file for slices only is read as text.
        if source.is_text and plan.request.keys[column] == BY:
            columns[column] = numbers_from_text(cells[column])
    return columns


def joined_scenarios(of_blocks: list[RowScenarios]) -> RowScenarios | None:
    if not of_blocks:
        return None
    indices = np.concatenate([scenarios.indices for scenarios in of_blocks])
    return RowScenarios(of_blocks[0].names, indices)


def row_numbers_to_evaluate(
    model: TrainedModel, source: Source
) -> tuple[Array, list[str]]:
    """Returns the ascending indices of the rows to evaluate, and remarks for the user.

    Every row is evaluated, unless the run was trained on a single scenario: then the
    whole table is read to find the rows of the scenario.
    """
    dataset = model.config.dataset
    name, only_scenario = dataset.scenario, dataset.only_scenario
    # To find the rows of a scenario, its feature is encoded alone.
    features = model.features if name is None else model.features.only(name)
    scenarios = find_scenarios(dataset, features)
    if scenarios is None or only_scenario is None:
        return np.arange(source.num_rows), []
    indices = []
    first_row = 0
    for block in source.blocks():
        with source.located_errors(first_row):
            table = Table(features.encode(block), labels={}, weights={})
        indices.append(first_row + scenarios.of(table).rows_of(only_scenario))
        first_row += block.num_rows
    row_numbers = np.concatenate(indices)
    if not len(row_numbers):
        raise DataError(
            f"{source.path}: no row belongs to scenario {only_scenario!r}, on which "
            f"{model.folder} was trained"
        )
    if len(row_numbers) == source.num_rows:
        return row_numbers, []
    remark = (
        f"the run was trained on scenario {only_scenario}: {len(row_numbers):,} of "
        f"{source.num_rows:,} rows belong to it, and the others are left out; drift "
        "compares the evaluated rows with the training rows of all scenarios"
    )
    return row_numbers, [remark]


def validation_rows(model: TrainedModel, data: Data) -> EvaluatedRows:
    """Predicts the run's own validation rows, see `read_data_of_run`.

    Empty cells and unseen values are not counted, because only the encoded values of
    these rows are kept, not the cells.
    """
    split = data.splits["valid"]
    table = split.read(0, split.num_rows)
    feature_counts = FeatureCounts(model.features, model.folder)
    feature_counts.add(table)
    sample_indices = random_indices(split.num_rows)
    return EvaluatedRows(
        table_name="the validation rows",
        outputs=model.config.outputs,
        table=replace(table, features={}),
        predictions=model.network.predict(table),
        slice_columns={},
        slice_features={},
        sample=table.take(sample_indices),
        sample_indices=sample_indices,
        feature_counts=feature_counts,
        row_numbers=data.row_numbers["valid"],
        scenarios=None if data.scenarios is None else data.scenarios.of(table),
        remarks=remarks_on_data(model.folder),
    )


def random_indices(num_rows: int) -> Array:
    """Draws the indices of `SAMPLE_ROWS` rows, or of all if there are fewer, sorted."""
    if num_rows <= SAMPLE_ROWS:
        return np.arange(num_rows)
    random = np.random.default_rng(0)
    return np.sort(random.choice(num_rows, SAMPLE_ROWS, replace=False))
