"""Reads the record of an existing export, and decides whether it may be replaced.

`mtl-export` writes a record into each export: the format, the inputs and outputs of the
model, example rows and their predictions.
"""

from pathlib import Path
from typing import Any, cast

from mtl_cli.columns.raw_inputs import ARROW_TYPES_BY_KIND
from mtl_cli.core.atomic_write import check_folder_of
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError, DataError, first_line
from mtl_cli.core.message_text import suggest
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.written_files import HASHES_KEY, check_written, files_in
from mtl_cli.exports.base import AXIS, RECORD_FILE, ExportFormat, ExportRecord


def get_format(name: str) -> ExportFormat:
    """Returns the export format with a name.

    Raises:
        ConfigError: if no format has this name.
    """
    names = option_names(AXIS)
    if name not in names:
        raise ConfigError(
            f"--format: '{name}' is not one of {', '.join(names)}{suggest(name, names)}"
        )
    return option_class(AXIS, name, ExportFormat)()


def check_export_target(target: Path, force: bool) -> None:
    """Checks that an export may be written to a target.

    If folders above the target are missing, it must be possible to make them. If the
    target exists, `force` must be set, and the target must be a complete export to
    which no file has been added.

    Args:
        target: the file or folder to write.
        force: whether an earlier export may be replaced.

    Raises:
        ConfigError: if the export must not be written.
    """
    # The export makes `first_new_path` in a folder that exists, and all paths below it.
    paths = (target, *target.parents)
    first_new_path = next((path for path in paths if path.parent.exists()), target)
    check_folder_of(first_new_path)
    if not target.exists() and not target.is_symlink():
        return
    if not force:
        raise ConfigError(
            f"{target} exists; choose another name, or replace an earlier export with "
            "--force"
        )
    check_replaceable(target)


def check_replaceable(path: Path) -> None:
    """Checks that a path holds a complete export to which no file has been added.

    Raises a `ConfigError` otherwise.
    """
    try:
        record = find_record(path)
    except DAMAGED_FILE_ERRORS as error:
        raise ConfigError(
            f"--force: {path} holds no complete export: {damage_message(error)}; move "
            f"{path} away, or choose another name"
        ) from None
    if record is None:
        raise ConfigError(
            f"--force: {path} is not an export of mtl-cli, so it is not replaced; "
            "choose another name"
        )
    if path.is_dir():
        byproducts = get_format(record["format"]).byproducts
        try:
            check_written(path, RECORD_FILE, record.get(HASHES_KEY), byproducts)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"--force: {first_line(error)}; move {path} away, or choose another "
                "name"
            ) from None


def record_of(path: Path) -> ExportRecord:
    """Returns the record of an export.

    Raises:
        DataError: if the path is not an export, or its record is damaged.
    """
    try:
        record = find_record(path)
        if record is not None and path.is_dir():
            # A library that loads an export would wait for ever for a pipe in the
            # folder. `files_in` raises an error if there is one.
            list(files_in(path))
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"{path} holds no complete export: {damage_message(error)}; export the "
            "model again"
        ) from None
    if record is None:
        raise DataError(
            f"{path} is not an export; name a file or folder that mtl-export has "
            "written"
        )
    return record


def find_record(path: Path) -> ExportRecord | None:
    """Reads and checks the record of an export.

    Returns: None if the path is not an export.

    Raises:
        Exception: one of `DAMAGED_FILE_ERRORS`, if the record is damaged.
    """
    if path.is_symlink():  # a link may point to anything, so it is not followed
        return None
    for name in option_names(AXIS):
        record = get_format(name).read_record(path)
        # All formats that write folders read the same file, `export.json`, so a format
        # also finds the records of the other formats.
        if record is not None and record["format"] == name:
            check_record(record)
            return cast(ExportRecord, record)
    return None


def check_record(record: dict[str, Any]) -> None:
    """Checks that a record has the form that `make_record` gives.

    Raises:
        ValueError: if the record contradicts itself.
        LookupError, TypeError, AttributeError: if a value of the record is missing, or
            has another type.
    """
    inputs, outputs = record["inputs"], record["outputs"]
    rows, predictions = record["rows"], record["predictions"]
    unknown_kinds = set(inputs.values()) - set(ARROW_TYPES_BY_KIND)
    if unknown_kinds:
        raise ValueError("the record names an unknown kind of input")
    if set(rows) != set(inputs):
        raise ValueError("the example rows of the record do not fit its inputs")
    if not outputs:
        raise ValueError("the record names no outputs")
    if set(predictions) != set(outputs):
        raise ValueError("the predictions of the record do not fit its outputs")
    lengths = {len(cells) for cells in (*rows.values(), *predictions.values())}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("the columns of the record have different lengths or no rows")


def damage_message(error: Exception) -> str:
    """Describes an error about a damaged record, such as `KeyError: 'rows'`."""
    return f"{type(error).__name__}: {first_line(error)}"
