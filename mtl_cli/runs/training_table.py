"""Tells whether a table holds the rows that a run was trained on."""

from pathlib import Path

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.locations import Location
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_table
from mtl_cli.runs.provenance import TRAIN_HASH
from mtl_cli.runs.saved_model import load_config


def run_trained_on(table: Location, file_format: str, run: Path) -> Path | None:
    """Finds out whether a run, or the run that it started from, trained on a table.

    Args:
        table: the table.
        file_format: the format of the table, as in `dataset.format`.
        run: the folder of the run.

    Returns: the folder of the run that trained on the table, or None. If a run's files
        are missing or damaged, the run counts as not trained on the table.
    """
    if is_training_table(table, file_format, run):
        return run
    try:
        earlier = load_config(run).start_from.run
        lineage = read_json_object(run / "environment.json").get("start_from")
    except (DataError, *DAMAGED_FILE_ERRORS):
        return None
    if earlier is None:
        return None
    if isinstance(lineage, dict) and TRAIN_HASH in lineage:
        # The folder of the earlier run may be gone, or hold another run by now.
        expected = lineage[TRAIN_HASH]
    else:  # an ensemble, or a run of an earlier version
        expected = train_hash(Path(earlier))
    return Path(earlier) if has_hash(table, file_format, expected) else None


def is_training_table(table: Location, file_format: str, run: Path) -> bool:
    """Whether a table is the training table of a run.

    The table's hash is compared with the hash that the run has recorded. Paths and URLs
    are not compared, because a training table may have been moved, and another table
    may have taken its place. Also, the run may come from someone else, so the files
    that its configuration names are not opened.
    """
    return has_hash(table, file_format, train_hash(run))


def train_hash(run: Path) -> object:
    """Returns the hash of a run's training table, as recorded; None if unknown."""
    try:
        return read_json_object(run / "environment.json").get(TRAIN_HASH)
    except DAMAGED_FILE_ERRORS:
        return None


def has_hash(table: Location, file_format: str, expected: object) -> bool:
    try:
        files = find_files("TABLE", table, file_format)
        return expected is not None and hash_table("train", files) == expected
    except (DataError, *DAMAGED_FILE_ERRORS):
        # A file may be missing or damaged, or lie in a folder that only another user
        # may read.
        return False
