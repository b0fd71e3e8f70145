"""Warns if the evaluated table is the table on which the run was trained."""

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import Location, find_data, listed_paths
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_files
from mtl_cli.data.sources import with_format_of
from mtl_cli.evaluation.loaded_run import LoadedRun

TRAINING_ROWS_REMARK = (
    "TABLE holds the rows that the run was trained on, so these scores are better than "
    "scores on new rows; evaluate rows that the model has not seen"
)


def is_training_table(model: LoadedRun, table: Location) -> bool:
    """Whether a table is the training table of a run.

    The training table may have been moved or renamed, so paths are not compared. The
    run has recorded one hash of all its tables. The table is the training table if the
    hash of this table and of the run's other tables is the same.

    The other tables are opened only if they are local files. A run may come from
    someone else, and its configuration could name any URL.

    Args:
        model: the model of the run.
        table: the files of the table.
    """
    dataset = model.config.dataset
    others = dataset.locations
    is_remote = any("://" in path for path in listed_paths(table))
    if others.pop("train") == table and is_remote:
        return True
    paths = [path for location in others.values() for path in listed_paths(location)]
    if not all(find_data(path).is_file() for path in paths):
        return False
    try:
        expected = read_json_object(model.folder / "environment.json")["data_hash"]
        files = {
            split: find_files(split, files, with_format_of(dataset, files).format)
            for split, files in {"train": table, **others}.items()
        }
        return bool(hash_files(files) == expected)
    except (DataError, *DAMAGED_FILE_ERRORS):
        return False  # there is no warning if a file is missing or damaged
