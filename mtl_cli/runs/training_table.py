"""Tells whether a table holds rows that a run, or a run before it, was trained on."""

from contextlib import suppress
from pathlib import Path

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.locations import Location
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_table
from mtl_cli.runs.provenance import TRAIN_HASH
from mtl_cli.runs.saved_model import load_config

# The key under `start_from` in `environment.json` that holds the result of
# `training_tables` for the earlier run.
TRAIN_HASHES = "train_hashes"


def run_trained_on(table: Location, file_format: str, run: Path) -> str | None:
    """Finds out whether a run, or a run before it, trained on a table or on its files.

    The hash of the table, and of each of its files, is compared with the hashes that
    the run has recorded. Paths and URLs are not compared, because a training table may
    have been moved, and another table may have taken its place. Also, the run may come
    from someone else, so the files that its configuration names are not opened.

    Args:
        table: the table.
        file_format: the format of the table, as in `dataset.format`.
        run: the folder of the run.

    Returns: the run that trained on the table or on one of its files, named as in
        `training_tables`, or None. If the files of the run are missing or damaged, it
        counts as not trained on the table.
    """
    try:
        tables = training_tables(run)
        files = find_files("TABLE", table, file_format)
        if tables:
            tables_to_hash = [files]
            if len(files.paths) > 1:
                tables_to_hash += [files._replace(paths=[p]) for p in files.paths]
            for rows in tables_to_hash:
                table_hash = hash_table("train", rows)
                if table_hash in tables:
                    return tables[table_hash]
    except (DataError, *DAMAGED_FILE_ERRORS):
        # A file may be missing or damaged, or lie in a folder that only another user
        # may read.
        pass
    return None


def training_tables(run: Path, is_first: bool = True) -> dict[str, str]:
    """Returns {hash of a training table: run} of a run and of all runs before it.

    The name of `run` is its path, and the name of a run before it that of its folder.
    An ensemble, or a run of an earlier version, has no record of the runs before it:
    the function looks only at the earlier run that the configuration names, unless
    `is_first` is false. A forged folder could name itself as its earlier run.
    """
    environment = read_json_object(run / "environment.json")
    tables: dict[str, str] = {}
    earlier = environment.get("start_from")
    if isinstance(earlier, dict) and TRAIN_HASHES in earlier:
        tables |= earlier[TRAIN_HASHES]
    elif is_first:
        with suppress(DataError, *DAMAGED_FILE_ERRORS):
            if (path := load_config(run).start_from.run) is not None:
                tables |= training_tables(Path(path), is_first=False)
    if TRAIN_HASH in environment:
        tables[environment[TRAIN_HASH]] = str(run)
    if not all(isinstance(text, str) for item in tables.items() for text in item):
        raise ValueError("environment.json: a hash is not a text")
    return tables
