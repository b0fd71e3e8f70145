"""Opens the table to evaluate a model on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import pyarrow as pa

from mtl_cli.columns.arrow_types import with_lists_of_views, with_plain_types
from mtl_cli.core.atomic_write import naming_full_disk, temporary_folder
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import Location, listed_paths, name_of
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_files
from mtl_cli.data.sources import Source, open_source, with_format_of
from mtl_cli.data.stdin import STDIN, copied_stdin
from mtl_cli.evaluation.plan import EvaluationPlan, plan_evaluation, plan_for_files
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.scoring.slices import check_slice_column

TRAINING_ROWS_REMARK = (
    "TABLE holds the rows that the run was trained on, so these scores are better than "
    "scores on new rows; evaluate rows that the model has not seen"
)


class TableInMemory(Protocol):
    """An Arrow table, or another table with these methods of an Arrow table."""

    @property
    def column_names(self) -> list[str]: ...

    @property
    def num_rows(self) -> int: ...

    def select(self, columns: list[str]) -> pa.Table: ...


@contextmanager
def opened_for_evaluation(
    model: TrainedModel, table: Location | TableInMemory, slice_columns: list[str]
) -> Iterator[tuple[Source, EvaluationPlan]]:
    """Opens the table to evaluate: on disk, behind a URL, on stdin or in memory.

    Yields: the rows and the plan. The rows can be read until the context ends.
    """
    if not isinstance(table, str | list):
        yield open_in_memory(model, table, slice_columns)
        return
    name = "stdin" if table == STDIN else name_of(table)
    with (
        temporary_folder("mtl-evaluate-") as folder,
        copied_stdin(table, folder) as location,
    ):
        plan = plan_for_files(model.config, location, slice_columns, name)
        with naming_full_disk(folder):
            spill = folder / "rows"
            source = open_source("TABLE", location, plan.dataset, plan.request, spill)
        if is_training_table(model, location):
            plan.remarks.append(TRAINING_ROWS_REMARK)
        # Messages name stdin, not the temporary copy of its rows.
        yield replace(source, path=name), plan


def open_in_memory(
    model: TrainedModel, table: TableInMemory, slice_columns: list[str]
) -> tuple[Source, EvaluationPlan]:
    """Opens a table in memory; see `opened_for_evaluation`.

    Returns: the rows and the plan.
    """
    table_name = "the table"
    config, columns = model.config, table.column_names
    plan = plan_evaluation(config, config.dataset, columns, slice_columns, table_name)
    if not table.num_rows:
        raise DataError("TABLE: the table has no rows")
    plan.request.check("TABLE", table_name, columns)
    selected = with_lists_of_views(table.select(plan.request.columns))
    rows = with_plain_types(selected)
    for column in slice_columns:
        check_slice_column(column, rows[column])
    return Source(table_name, rows.num_rows, read=lambda _: iter([rows])), plan


def is_training_table(model: TrainedModel, table: Location) -> bool:
    """Whether a table is the training table of a run.

    A table with the same URL as the training table is the training table. The paths of
    local files are not compared, because the training table may have been moved or
    renamed. Instead, the run has recorded one hash of all its tables. A table is the
    training table if this table and the run's other tables together have this hash.

    The other tables are opened only if they are local files. A run may come from
    someone else, and its configuration could name any URL.
    """
    dataset = model.config.dataset
    has_url = any("://" in path for path in listed_paths(table))
    if has_url and table == dataset.train:
        return True
    others = {
        split: location
        for split, location in dataset.locations.items()
        if split != "train"
    }
    paths = [path for location in others.values() for path in listed_paths(location)]
    try:
        if any("://" in path for path in paths):
            return False
        expected = read_json_object(model.folder / "environment.json")["data_hash"]
        files = {
            split: find_files(split, location, with_format_of(dataset, location).format)
            for split, location in {"train": table, **others}.items()
        }
        return bool(hash_files(files) == expected)
    except (DataError, *DAMAGED_FILE_ERRORS):
        # The warning is left out if a file is missing or damaged, or if it lies in a
        # folder that only another user may read.
        return False
