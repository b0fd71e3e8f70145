"""Opens the tables to evaluate a model on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.core.paths import Location, name_of
from mtl_cli.core.temporary_folder import named_if_full, temporary_folder
from mtl_cli.data.open_files import without_dictionaries
from mtl_cli.data.sources import Source, column_names, open_source, with_format_of
from mtl_cli.evaluation.loaded_run import LoadedRun
from mtl_cli.evaluation.needed_columns import EvaluationPlan, plan_evaluation


@contextmanager
def opened_table(
    model: LoadedRun, location: Location, by: list[str]
) -> Iterator[tuple[Source, EvaluationPlan]]:
    """Opens a table on disk or behind a URL.

    Args:
        model: the model.
        location: the table's files.
        by: the columns that make slices.

    Yields: the rows, and the plan of the evaluation. The rows can be read until the
        context ends.
    """
    dataset = with_format_of(model.config.dataset, location)
    config = model.config.model_copy(update={"dataset": dataset})
    names = column_names("TABLE", location, dataset)
    plan = plan_evaluation(config, names, by, name_of(location))
    with temporary_folder("mtl-evaluate-") as folder:
        with named_if_full(folder):
            source = open_source(
                "TABLE", location, plan.dataset, plan.request, folder / "rows"
            )
        yield source, plan


class TableInMemory(Protocol):
    """An Arrow table, or another table with these methods of an Arrow table."""

    @property
    def column_names(self) -> list[str]: ...

    @property
    def num_rows(self) -> int: ...

    def select(self, columns: list[str]) -> pa.Table: ...


def table_in_memory(
    model: LoadedRun, table: TableInMemory, by: list[str]
) -> tuple[Source, EvaluationPlan]:
    """Selects the columns of a table that an evaluation needs.

    Args:
        model: the model.
        table: the table.
        by: the columns that make slices.

    Returns: the rows, and what is evaluated.
    """
    plan = plan_evaluation(model.config, table.column_names, by, "the table")
    if not table.num_rows:
        raise DataError("TABLE: the table has no rows")
    plan.request.check("TABLE", "the table", table.column_names)
    rows = without_dictionaries(table.select(plan.request.columns))
    return Source("the table", rows.num_rows, lambda _: iter([rows])), plan
