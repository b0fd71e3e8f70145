"""Warns if the evaluated table is the training table of the run."""

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import find_data
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import fingerprint
from mtl_cli.evaluation.loaded_run import LoadedRun
from mtl_cli.evaluation.rows import dataset_of

REMARK = (
    "TABLE holds the rows that the run was trained on, so these scores flatter the "
    "model; evaluate rows that it has not seen"
)


def training_rows_remark(model: LoadedRun, table: str) -> str:
    """Returns a warning if a table is the training table of a run, or else "".

    Args:
        model: the model of the run.
        table: a file, folder, pattern or URL.
    """
    return REMARK if is_training_table(model, table) else ""


def is_training_table(model: LoadedRun, table: str) -> bool:
    """Whether the hash of the run's data stays the same with `table` as `train`.

    The training table may lie elsewhere now, or under another name. The hash covers the
    other tables of the run too. They are opened only if they are local files: the run
    may come from somebody else, and name any URL or pattern.
    """
    paths = model.config.dataset.paths
    if paths.get("train") == table and "://" in table:
        return True
    others = {split: path for split, path in paths.items() if split != "train"}
    if not all(find_data(path).is_file() for path in others.values()):
        return False
    try:
        expected = read_json_object(model.folder / "environment.json")["data_hash"]
        files = {
            split: find_files(split, path, dataset_of(model.config, path).format)
            for split, path in {"train": table, **others}.items()
        }
        return bool(fingerprint(files) == expected)
    except (DataError, *DAMAGED_FILE_ERRORS):
        return False
