"""Numbers the values of the columns that a feature of the kind `cross` could read."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from mtl_cli.columns.vocabulary import as_categorical
from mtl_cli.core.errors import DataError
from mtl_cli.data.column_request import feature_request
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import open_tables
from mtl_cli.data.load import Data, refuse_changed_rows
from mtl_cli.data.sources import OnProgress
from mtl_cli.data.table import Array

# A column that features read as numbers holds amounts if it has more distinct values.
MAX_NUMBERS = 50


class ColumnCodes:
    """Gives a number to each distinct value of a column, from 1; empty cells get 0.

    Attributes:
        is_number: whether features read the column as numbers, and not as ids or words.
        is_usable: whether a cross could read all cells so far, and the column does not
            hold amounts.
        parts: the codes of the cells of each call of `add`, int32.
    """

    def __init__(self, is_number: bool) -> None:
        self.is_number = is_number
        self.is_usable = True
        self.parts: list[Array] = []
        self.code_of_value: dict[str, int] = {}

    def add(self, name: str, cells: pa.ChunkedArray) -> None:
        if not self.is_usable:
            return
        try:
            categories, codes = as_categorical(name, cells)
        except DataError:  # the cells are fractions, vectors or times
            self.is_usable = False
            return
        values = categories.to_pylist()
        known = self.code_of_value
        new_codes = [known.setdefault(value, len(known) + 1) for value in values]
        # An empty cell has the code -1, and takes the appended 0.
        self.parts.append(np.array([*new_codes, 0], "int32")[codes])
        if self.is_number and len(known) > MAX_NUMBERS:
            self.is_usable = False
            self.parts.clear()  # saves memory


def codes_of_columns(
    data: Data, dataset: Dataset, folder: Path, on_rows: OnProgress
) -> dict[str, dict[str, Array]]:
    """Numbers the values of columns of features, in the training and validation rows.

    Columns that a cross could not read are left out, and so are columns of amounts.

    Args:
        data: the encoded rows of `dataset`, which has validation rows.
        folder: an empty folder for temporary files.
        on_rows: is called with the numbers of read and of all rows.

    Returns: {column: {split: the code of each row's value, (rows,)}}.
    """
    features = data.features
    columns_of_lists = {
        column
        for name, column in dataset.feature_columns
        if features.layout.blocks[name].input == "sequences"
    }
    is_number = {
        column: kind == "number"
        for column, kind in features.column_kinds.items()
        if column not in columns_of_lists
    }
    request = feature_request(dataset).without_columns(columns_of_lists)
    has_valid_rows_in_test = dataset.valid is None and dataset.valid_from == "test"
    unread = {} if has_valid_rows_in_test else {"test": None}
    sources = open_tables(dataset.model_copy(update=unread), request, folder)
    valid_table = "valid" if "valid" in sources else str(dataset.valid_from)
    table_of_split = {"train": "train", "valid": valid_table}
    columns = {name: ColumnCodes(x) for name, x in is_number.items()}
    tables = {name: sources[name] for name in table_of_split.values()}
    num_rows, num_read = sum(source.num_rows for source in tables.values()), 0
    start_of_table: dict[str, int] = {}
    for table_name, source in tables.items():
        start_of_table[table_name] = num_read
        for chunk in source.chunks():
            for name, column in columns.items():
                column.add(name, chunk[name])
            num_read += chunk.num_rows
            on_rows(num_read, num_rows)
    refuse_changed_rows(dataset, data.fingerprint)
    rows = {
        split: start_of_table[table] + data.row_numbers[split]
        for split, table in table_of_split.items()
    }
    usable = {name: c for name, c in columns.items() if c.is_usable}
    return {
        name: {split: codes[rows[split]] for split in rows}
        for name, column in usable.items()
        for codes in [np.concatenate(column.parts)]
    }
