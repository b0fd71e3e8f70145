"""Reads the columns that a data set's YAML names."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.errors import DataError, suggest
from mtl_cli.paths import find_data


def read(
    key: str, path: str, columns: dict[str, str], types: dict[str, pa.DataType]
) -> pa.Table:
    """Reads a table.

    Args:
        key: the configuration's key that gave the path, for messages.
        path: of a `.parquet` or `.csv` file.
        columns: what is read, and the key that asks for it.
        types: what a CSV file's columns are read as; others by their content.

    Raises:
        DataError: naming the file, and what is wrong with it.
    """
    file = find_data(path)
    if not file.is_file():
        raise DataError(f"{key}: no file '{path}' (started in {Path.cwd()})")
    try:
        if file.suffix == ".parquet":
            names = pyarrow.parquet.read_schema(file).names
        elif file.suffix == ".csv":
            with pyarrow.csv.open_csv(file) as reader:
                names = reader.schema.names
        else:
            raise DataError(f"{key}: '{path}' is neither a .parquet nor a .csv file")
        for column, wanted_by in columns.items():
            if names.count(column) > 1:
                raise DataError(
                    f"{key}: {path} has {names.count(column)} columns '{column}'; "
                    "rename all but one"
                )
            if column not in names:
                raise DataError(
                    f"{wanted_by}: no column '{column}' in {path}, which has "
                    f"{', '.join(names)}{suggest(column, names)}{delimiter(names)}"
                )
        if file.suffix == ".parquet":
            table = pyarrow.parquet.read_table(file, columns=list(columns))
        else:
            options = pyarrow.csv.ConvertOptions(
                include_columns=list(columns),
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
            )
            table = pyarrow.csv.read_csv(file, convert_options=options)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{key}: cannot read {path}: {reason}") from None
    if not table.num_rows:
        raise DataError(f"{key}: {path} has a header but no rows")
    return _plain(table)


def delimiter(names: list[str]) -> str:
    """Says which delimiter a CSV file seems to have, if it is not the comma."""
    if len(names) == 1:
        for other, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if other in names[0]:
                return f"; the file seems to be separated by {word}, not commas"
    return ""


def _plain(table: pa.Table) -> pa.Table:
    """Decodes dictionary columns, so that equal values compare equal across files."""
    fields = [
        field.with_type(field.type.value_type)
        if pa.types.is_dictionary(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def fingerprint(paths: list[str]) -> str:
    """Returns one SHA-256 over the contents of data files."""
    digest = hashlib.sha256()
    for path in paths:
        with find_data(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
