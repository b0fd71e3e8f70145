"""Reads the record of an existing export, and decides whether it may be replaced."""

from pathlib import Path
from typing import Any, cast

from mtl_cli.columns.raw_inputs import ARROW_TYPES_BY_KIND
from mtl_cli.core.errors import (
    DAMAGED_FILE_ERRORS,
    ConfigError,
    DataError,
    first_line,
    suggest,
)
from mtl_cli.core.options import option_class, option_names
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.written_files import FILES, check_written
from mtl_cli.exports.base import AXIS, RECORD_FILE, ExportFormat, ExportRecord


def format_named(name: str) -> ExportFormat:
    """Returns a format of exports; raises a `ConfigError` if the name is unknown."""
    names = option_names(AXIS)
    if name not in names:
        raise ConfigError(
            f"--format: '{name}' is not one of {', '.join(names)}{suggest(name, names)}"
        )
    return option_class(AXIS, name, ExportFormat)()


def check_target(target: Path, force: bool, existing: Path) -> None:
    """Raises a `ConfigError` if a target exists that must not be replaced by an export.

    Args:
        target: the file or folder to write, for messages.
        force: whether an earlier export may be replaced.
        existing: the path to check: the target, or the path to which the target has
            been moved.
    """
    if not target.parent.is_dir():
        raise ConfigError(f"there is no folder {target.parent}; make this folder first")
    if not existing.exists() and not existing.is_symlink():
        return
    if not force:
        raise ConfigError(
            f"{target} exists; choose another name, or replace an earlier export with "
            "--force"
        )
    try:
        name, record = record_of(existing)
    except DataError:
        raise ConfigError(
            f"--force: {target} is not an export of mtl-cli, so it is not replaced; "
            "choose another name"
        ) from None
    if existing.is_dir():
        try:
            byproducts = format_named(name).byproducts
            check_written(existing, RECORD_FILE, record.get(FILES), byproducts)
        except (OSError, UnsafeFileError) as error:
            reason = first_line(error).replace(str(existing), str(target))
            raise ConfigError(
                f"--force: {reason}; move it away, or choose another name"
            ) from None


def record_of(path: Path) -> tuple[str, ExportRecord]:
    """Reads the name of an export's format and its record, or raises a `DataError`."""
    try:
        for name in option_names(AXIS):
            # A link is no export, and may point to anything, so it is not followed.
            record = None if path.is_symlink() else format_named(name).read_record(path)
            if record is not None and record["format"] == name:
                check_record(record)
                return name, cast(ExportRecord, record)
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"{path} holds no complete export: {type(error).__name__}: "
            f"{first_line(error)}; export the model again"
        ) from None
    raise DataError(
        f"{path} is not an export; name a file or folder that mtl-export has written"
    )


def check_record(record: dict[str, Any]) -> None:
    """Raises a `ValueError` unless a record has the form that `make_record` gives."""
    rows, predictions = record["rows"], record["predictions"]
    unknown_kinds = set(record["inputs"].values()) - set(ARROW_TYPES_BY_KIND)
    if unknown_kinds:
        raise ValueError("the record names an unknown kind of input")
    outputs = set(record["outputs"])
    if set(rows) != set(record["inputs"]) or not outputs or set(predictions) != outputs:
        raise ValueError("the rows of the record do not fit its inputs and outputs")
    lengths = {len(cells) for cells in (*rows.values(), *predictions.values())}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("the columns of the record have different lengths or no rows")
