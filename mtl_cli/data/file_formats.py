"""Tells the formats of files by the endings of their names."""

from pathlib import Path

FORMATS = {
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".csv": "csv",
    ".tsv": "tsv",
}
COMPRESSED = (".gz", ".zst", ".bz2")


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


def is_table_file(file: Path, file_format: str) -> bool:
    """Whether a file in the folder of a table holds rows of the table.

    Files and folders whose names start with `.` or `_` are left out, because Spark and
    other programs write such files beside the rows. With the format `auto`, only
    Parquet files are taken. With another format, all other files are taken, whatever
    their endings are.

    Args:
        file: the file's path, relative to the folder.
        file_format: the format of the files, or `auto`.
    """
    is_hidden = any(name[0] in "._" for name in file.parts)
    has_format = file_format != "auto" or format_by_ending(file.name) == "parquet"
    return has_format and not is_hidden
