"""Opens the table to evaluate a model on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import pyarrow as pa

from mtl_cli.core.atomic_write import temporary_folder
from mtl_cli.core.errors import DataError
from mtl_cli.core.locations import Location, location_name
from mtl_cli.data.arrow_errors import plain_rows_in_memory
from mtl_cli.data.sources import Source, open_source, schemas_of_table, with_format_of
from mtl_cli.data.stdin import STDIN, copied_stdin
from mtl_cli.evaluation.plan import EvaluationPlan, plan_evaluation
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs.training_table import run_trained_on
from mtl_cli.scoring.slices import check_slice_column


class TableInMemory(Protocol):
    """An Arrow table, or another table with these methods of an Arrow table."""

    @property
    def column_names(self) -> list[str]: ...

    @property
    def num_rows(self) -> int: ...

    def select(self, columns: list[str]) -> pa.Table: ...


@contextmanager
def opened_for_evaluation(
    model: TrainedModel, table: Location | TableInMemory, by: list[str]
) -> Iterator[tuple[Source, EvaluationPlan]]:
    """Opens the table to evaluate: on disk, behind a URL, on stdin or in memory.

    Yields: the rows and the plan. The rows can be read until the context ends.
    """
    if not isinstance(table, str | list):
        yield open_in_memory(model, table, by)
        return
    name = "stdin" if table == STDIN else location_name(table)
    with (
        temporary_folder("mtl-evaluate-") as folder,
        copied_stdin(table, folder) as location,
    ):
        dataset = with_format_of(model.config.dataset, location)
        schemas = schemas_of_table("TABLE", location, dataset)
        schema = next(schemas)
        rates = {task.kept_negatives_column for task in dataset.tasks.values()}
        # The rows of a file without rates would count as not sampled. So a column of
        # rates in any file is requested, and a file that lacks it is refused.
        for other in schemas if rates - {None} else ():
            for field in other:
                if field.name in rates - set(schema.names):
                    schema = schema.append(field)
        columns = schema.names
        plan = plan_evaluation(model, dataset, columns, by, name)
        for column in plan.slice_columns:
            dtype = schema.field(columns.index(column)).type
            check_slice_column(column, pa.chunked_array([], dtype))
        spill = folder / "rows"
        source = open_source("TABLE", location, plan.dataset, plan.request, spill)
        trained_run = run_trained_on(location, plan.dataset.format, model.folder)
        if trained_run is not None:
            plan.remarks.append(
                f"TABLE holds the rows that {trained_run} was trained on, so these "
                "scores are better than scores on new rows; evaluate rows that the "
                "model has not seen"
            )
        # Messages name stdin, not the temporary copy of its rows.
        yield replace(source, path=name), plan


def open_in_memory(
    model: TrainedModel, table: TableInMemory, by: list[str]
) -> tuple[Source, EvaluationPlan]:
    """Opens a table in memory; see `opened_for_evaluation`."""
    name, columns = "the table", table.column_names
    plan = plan_evaluation(model, model.config.dataset, columns, by, name)
    if not table.num_rows:
        raise DataError("TABLE: the table has no rows")
    plan.request.check("TABLE", name, columns)
    rows = plain_rows_in_memory(table.select(plan.request.columns), "TABLE")
    return Source(name, rows.num_rows, read=lambda _: iter([rows])), plan
