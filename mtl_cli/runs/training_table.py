"""Tells whether a table holds the rows that a run was trained on."""

from pathlib import Path

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import Location, listed_paths
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_files
from mtl_cli.runs.saved_model import load_config


def run_trained_on(table: Location, run: Path, num_runs: int = 2) -> Path | None:
    """Finds the run that was trained on a table.

    Args:
        table: the table.
        run: the folder of a run.
        num_runs: the number of runs to look at: `run`, the run that it started from,
            and so on.

    Returns: the folder of the first such run; None if there is none. A run whose files
        are missing or damaged is not looked at, nor are the runs before it.
    """
    for _ in range(num_runs):
        try:
            config = load_config(run)
        except (DataError, *DAMAGED_FILE_ERRORS):
            return None
        if is_training_table(table, config.dataset, run):
            return run
        if config.start_from.run is None:
            return None
        run = Path(config.start_from.run)
    return None


def is_training_table(table: Location, dataset: Dataset, run: Path) -> bool:
    """Whether a table is the training table of a run, which has read `dataset`.

    Paths and URLs are not compared, because a training table may have been moved, and
    another table may have taken its place. Instead, the run has recorded one hash of
    all its tables. A table is the training table if this table and the run's other
    tables together have this hash.

    The other tables are opened only if they are local files. A run may come from
    someone else, and its configuration could name any URL.
    """
    others = {
        split: location
        for split, location in dataset.locations.items()
        if split != "train"
    }
    paths = [path for location in others.values() for path in listed_paths(location)]
    try:
        if any("://" in path for path in paths):
            return False
        expected = read_json_object(run / "environment.json")["data_hash"]
        files = {
            split: find_files(split, location, dataset.format)
            for split, location in {"train": table, **others}.items()
        }
        return bool(hash_files(files) == expected)
    except (DataError, *DAMAGED_FILE_ERRORS):
        # A file may be missing or damaged, or lie in a folder that only another user
        # may read.
        return False
