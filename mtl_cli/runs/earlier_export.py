"""Reads the record of an existing export, and decides whether it may be replaced.

`mtl-export` writes a record into each export: the format, the inputs and outputs of the
model, example rows and their predictions.
"""

from pathlib import Path
from typing import Any, cast

from mtl_cli.columns.raw_inputs import ARROW_TYPES_BY_KIND
from mtl_cli.core.atomic_write import check_folder_of, check_target_name
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError, DataError, first_line
from mtl_cli.core.message_text import suggest
from mtl_cli.core.option_classes import option_class, option_names, suggest_option
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.written_files import HASHES_KEY, check_written, files_in
from mtl_cli.exports.base import (
    AXIS,
    FILE_HASH_KEY,
    RECORD_FILE,
    RECORD_HASH_KEY,
    ExportFormat,
    ExportRecord,
    with_hash,
)


def get_format(name: str) -> ExportFormat:
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
    """
    check_target_name(target)
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
    try:
        record = find_record(target)
        if record is not None:
            check_unchanged(target, record)
    except DAMAGED_FILE_ERRORS as error:
        raise ConfigError(
            f"--force: {target} holds no complete export: {type(error).__name__}: "
            f"{first_line(error)}; move {target} away, or choose another name"
        ) from None
    if record is None:
        raise ConfigError(
            f"--force: {target} is not an export of mtl-cli, so it is not replaced; "
            "choose another name"
        )


def check_unchanged(target: Path, record: ExportRecord) -> None:
    """Raises an error if a file of an export was added or changed, or has no hash."""
    export_format = get_format(record["format"])
    if target.is_dir():
        hashes = record.get(HASHES_KEY)
        check_written(target, RECORD_FILE, hashes, export_format.byproducts)
    elif record.get(FILE_HASH_KEY) is None:
        raise UnsafeFileError("its record holds no hash of the file")
    else:
        export_format.check_hashes(target, record)


def record_of(path: Path) -> ExportRecord:
    """Returns the record of an export, or raises a `DataError`."""
    try:
        record = find_record(path)
        if record is not None and path.is_dir():
            # A library that loads an export would wait for ever for a pipe in the
            # folder. `files_in` raises an error if there is one.
            list(files_in(path))
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"{path} holds no complete export: {type(error).__name__}: "
            f"{first_line(error)}; export the model again"
        ) from None
    if record is None:
        raise DataError(
            f"{path} is not an export; name a file or folder that mtl-export has "
            "written"
        )
    return record


def find_record(path: Path) -> ExportRecord | None:
    """Reads and checks the record of an export; None if the path is not an export.

    A damaged record raises one of `DAMAGED_FILE_ERRORS`.
    """
    if path.is_symlink():  # a link may point to anything, so it is not followed
        return None
    names = option_names(AXIS)
    for name in names:
        record = get_format(name).read_record(path)
        if record is not None and record["format"] not in names:
            raise ConfigError(
                f"the format of {path} is not one of {', '.join(names)}"
                f"{suggest_option(str(record['format']), names)}"
            )
        # All formats that write folders read the same file, `export.json`, so a format
        # also finds the records of the other formats.
        if record is not None and record["format"] == name:
            check_record(record)
            return cast(ExportRecord, record)
    return None


def check_record(record: dict[str, Any]) -> None:
    """Checks that a record is unchanged, and that its values fit each other.

    A record of an earlier version of mtl-cli has no hash of itself.
    """
    recorded_hash = record.get(RECORD_HASH_KEY)
    if recorded_hash not in (None, with_hash(record)[RECORD_HASH_KEY]):
        raise ValueError("its record has changed since it was written")
    inputs, outputs = record["inputs"], record["outputs"]
    rows, predictions = record["rows"], record["predictions"]
    lengths = {len(cells) for cells in (*rows.values(), *predictions.values())}
    if (
        not set(inputs.values()) <= set(ARROW_TYPES_BY_KIND)
        or not outputs
        or set(rows) != set(inputs)
        or set(predictions) != set(outputs)
        or len(lengths) != 1
        or 0 in lengths
    ):
        raise ValueError("the values of its record contradict each other")
    expected = [x for values in predictions.values() for x in values]
    if any(type(x) not in (int, float) for x in expected):
        raise ValueError("the predictions in its record are not numbers")
