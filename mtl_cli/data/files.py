"""Finds the files of a table by a path, folder, pattern or URL, or a list of them."""

import glob
import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.fs

from mtl_cli.core.errors import DataError
from mtl_cli.core.locations import Location, data_path, location_name, path_list
from mtl_cli.core.other_files import UnsafeFileError, check_data_file, walk
from mtl_cli.data.file_patterns import files_of_pattern
from mtl_cli.data.remote_files import find_remote, without_file_scheme
from mtl_cli.data.stdin import STDIN

FORMATS = {
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".csv": "csv",
    ".tsv": "tsv",
}
COMPRESSED = (".gz", ".zst", ".bz2")
# Stands for a format that is not known yet. All files of a folder are found, as with
# every format but `auto`.
ANY_FORMAT = "any"


class Files(NamedTuple):
    """The files of a table, all of one format.

    Attributes:
        key: the configuration's key that names the table.
        name: the name of the table in messages; see `location_name`.
        paths: the path of each file in the file system `system`. The files of a folder
            or pattern are sorted; the paths of a list keep their order.
        format: `parquet`, `feather`, `csv`, `tsv` or `ANY_FORMAT`.
    """

    key: str
    name: str
    system: pa.fs.FileSystem
    paths: list[str]
    format: str

    def path_for_messages(self, path: str) -> str:
        """Returns how messages name a file: the only one as in the configuration."""
        return self.name if len(self.paths) == 1 else path


def find_files(key: str, location: Location, file_format: str) -> Files:
    """Finds the files of a table.

    All files must have one format and be in one file system, and each may be named only
    once. With the file format `auto`, the endings of the files tell the format.
    """
    first, *others = (
        find_files_of_path(key, path, file_format) for path in path_list(location)
    )
    paths = list(first.paths)
    for files in others:
        if (files.format, files.system) != (first.format, first.system):
            raise DataError(
                f"{key}: '{first.name}' and '{files.name}' have different formats or "
                "file systems; name files of one format in one file system"
            )
        if repeated := comparable_paths(paths) & comparable_paths(files.paths):
            raise DataError(
                f"{key}: '{files.name}' names {min(repeated)} a second time; name each "
                "file once"
            )
        paths += files.paths
    return first._replace(name=location_name(location), paths=paths)


def is_in_table(file: Path, location: Location) -> bool:
    """Whether a file is one of the local files of a table.

    An output that replaced such a file would destroy rows of the table. If the table is
    a folder, its files count whatever their endings are.
    """
    paths = list(map(without_file_scheme, path_list(location)))
    # The shell may have opened the file as stdin: `mtl-predict RUN - < rows.csv`.
    if STDIN in paths and os.path.samestat(os.fstat(0), file.stat()):
        return True
    return any(
        table_file.samefile(file)
        for path in paths
        if "://" not in path and path != STDIN
        for table_file in find_local("TABLE", path, ANY_FORMAT)
    )


def comparable_paths(paths: list[str]) -> set[str]:
    """Makes the paths of local files absolute, without `..`; keeps all other paths."""
    return {os.path.abspath(p) if Path(p).exists() else p for p in paths}


def find_files_of_path(key: str, path: str, file_format: str) -> Files:
    if not path:  # for instance an unset variable of the shell
        raise DataError(f"{key}: '' names no file; give the path of a file or folder")
    system: pa.fs.FileSystem = pa.fs.LocalFileSystem()
    path = without_file_scheme(path)
    if "://" in path:
        holds_rows = partial(holds_table_rows, file_format=file_format)
        system, paths = find_remote(key, path, holds_rows)
        if not paths:
            raise empty_folder_error(key, path, file_format)
    else:
        try:
            local_files = find_local(key, path, file_format)
            for file in local_files:
                check_data_file(file)
        except UnsafeFileError as error:
            raise DataError(f"{key}: {error}") from None
        except OSError as error:
            raise DataError(f"{key}: cannot reach '{path}': {error.strerror}") from None
        paths = [str(file) for file in local_files]
    if file_format == "auto":
        file_format = common_format(key, path, paths)
    return Files(key, path, system, paths, file_format)


def format_by_ending(path: str) -> str | None:
    """Returns the format that belongs to a file's ending; None if it is not known.

    >>> format_by_ending("rows.csv.gz"), format_by_ending("rows.parquet.gz")
    ('csv', None)
    """
    file = Path(path)
    if file.suffix.lower() in COMPRESSED:
        inner = FORMATS.get(file.with_suffix("").suffix.lower())
        return inner if inner in ("csv", "tsv") else None
    return FORMATS.get(file.suffix.lower())


def holds_table_rows(file: Path, file_format: str) -> bool:
    """Whether a file in a table's folder holds rows; `file` is its path in the folder.

    Files and folders whose names start with `.` or `_` hold no rows, because Spark and
    other programs write such files beside the rows. If the format is `auto`, only
    Parquet files are taken, otherwise all files, whatever their endings are.
    """
    is_hidden = any(name[0] in "._" for name in file.parts)
    has_format = file_format != "auto" or format_by_ending(file.name) == "parquet"
    return has_format and not is_hidden


def common_format(key: str, path: str, paths: list[str]) -> str:
    """Returns the format that all files have by their endings."""
    formats = set()
    for file_path in paths:
        file_format = format_by_ending(file_path)
        if file_format is None:
            file_name = path if len(paths) == 1 else file_path
            raise DataError(
                f"{key}: '{file_name}' does not end in one of {', '.join(FORMATS)} "
                "(only .csv and .tsv may be followed by .gz, .zst or .bz2); name the "
                "format in dataset.format, or unpack an archive"
            )
        formats.add(file_format)
    if len(formats) > 1:
        raise DataError(
            f"{key}: '{path}' holds files of several formats: "
            f"{', '.join(sorted(formats))}; give a pattern for files of one format"
        )
    return formats.pop()


def find_local(key: str, path: str, file_format: str) -> list[Path]:
    """Returns the local files that a path, folder or pattern names, sorted."""
    target = data_path(path)
    if target.is_dir():
        return files_in_folder(key, path, target, file_format)
    if target.exists():  # `check_data_file` refuses pipes and devices
        return [target]
    if not glob.has_magic(path):
        raise DataError(
            f"{key}: no file '{path}' (current folder: {Path.cwd()}); correct the path"
        )
    return files_of_pattern(key, path, target)


def files_in_folder(key: str, path: str, folder: Path, file_format: str) -> list[Path]:
    """Returns the files of a folder that hold rows, sorted; `path` is for messages."""

    def refuse(error: OSError) -> None:
        raise DataError(
            f"{key}: cannot reach '{error.filename}': {error.strerror}; give a pattern "
            "that leaves it out"
        )

    files = sorted(
        file
        for subfolder, _, names in walk(folder, refuse)
        for file in (Path(subfolder, name) for name in names)
        if holds_table_rows(file.relative_to(folder), file_format)
    )
    if not files:
        raise empty_folder_error(key, path, file_format)
    return files


def empty_folder_error(key: str, path: str, file_format: str) -> DataError:
    kind = ".parquet file" if file_format == "auto" else "file without '.' or '_' first"
    return DataError(
        f"{key}: folder '{path}' holds no {kind}; name the files, or, for mtl-train, "
        "set dataset.format"
    )
