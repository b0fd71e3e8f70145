"""Evaluates several runs on one table, into a folder that `mtl-compare` reads.

The user names runs, or sweeps with all their runs. The folder has a subfolder for each
run: a copy of the run folder without its model. In the copy, the evaluated table
is the test table: `dataset.test` names the evaluated table, and the test metrics and
the predictions belong to its rows. The copy keeps the run's scores on training and
validation rows, so a comparison of the copies chooses the best configuration on
validation rows.
"""

import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mtl_cli.comparison.find_runs import EVALUATIONS, find_folders, read_sweep
from mtl_cli.comparison.runs import Run
from mtl_cli.core.atomic_write import check_target_name, replacing_folder
from mtl_cli.core.errors import ConfigError, DataError, MtlError, first_line
from mtl_cli.core.locations import Location, location_name, path_list
from mtl_cli.core.message_text import comma_list
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.run_folder import check_outside_run
from mtl_cli.core.written_files import HASHES_KEY, check_written, hashes_of
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_table
from mtl_cli.data.sources import with_format_of
from mtl_cli.evaluation.evaluate import EvaluationRequest, evaluate
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.run_copy import write_copy, write_json
from mtl_cli.runs import saved_model

EVALUATION_FOLDER = Path("outputs/evaluations")


class Evaluations(NamedTuple):
    """The evaluations of several runs, by the name of the run."""

    evaluations: dict[str, Evaluation]
    failed: dict[str, str]  # why a finished run cannot be evaluated
    skipped: dict[str, str]  # the error or status of a run that is not finished


def is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("status.json", "model"))


def is_sweep(folder: Path) -> bool:
    """Whether a folder holds runs in its subfolders, and is not a run itself."""
    return folder.is_dir() and not is_run(folder) and bool(find_folders(folder).runs)


def evaluate_several(
    folders: list[Path],
    table: Location,
    target: Path,
    request: EvaluationRequest,
    force: bool,
) -> Evaluations:
    """Evaluates the finished runs of some folders on a table, and writes a folder.

    The folder `target` appears only when all runs are evaluated. With `force`, it may
    replace an earlier evaluation.

    Args:
        folders: the folders of runs and sweeps.
        table: the table to evaluate the runs on.
        target: the folder to write.
        request: what to measure besides the metrics.
        force: whether `target` may be overwritten.
    """
    runs = runs_by_name(folders)
    for run in runs.values():
        check_outside_run(target, run.path, "-o: ")
    check = partial(check_evaluation_target, force=force)
    with replacing_folder(target, check) as temporary:
        temporary.mkdir()
        result, errors = evaluate_runs(runs, table, request, temporary)
        if not result.evaluations:
            names = comma_list(map(str, folders))
            raise errors[0] if errors else DataError(f"{names}: no finished run")
        record = {
            "folders": [str(folder) for folder in folders],
            "table": table,
            "runs": list(result.evaluations),
            "failed": result.failed,
            "skipped": result.skipped,
            HASHES_KEY: hashes_of(temporary),
        }
        write_json(temporary / EVALUATIONS, record)
    return result


def runs_by_name(folders: list[Path]) -> dict[str, Run]:
    """Reads the runs of some folders.

    Returns: {name: run}. A name is the path of the run below the folder that all runs
        have in common, such as `2026-05-02` of `outputs/nights/2026-05-02`.
    """
    common = common_folder(folders)
    runs = [run for folder in folders for run in read_sweep(folder)]
    return {Path(os.path.relpath(run.path, common)).as_posix(): run for run in runs}


def common_folder(folders: list[Path]) -> str:
    """Returns the sweep, or the folder that holds all these runs and sweeps."""
    paths = [folder.parent if is_run(folder) else folder for folder in folders]
    return os.path.commonpath([os.path.abspath(path) for path in paths])


def evaluate_runs(
    runs: dict[str, Run], table: Location, request: EvaluationRequest, folder: Path
) -> tuple[Evaluations, list[MtlError]]:
    """Evaluates the finished runs on a table, and writes a subfolder for each.

    Returns: the evaluations; and the errors of the runs that cannot be evaluated.
    """
    result = Evaluations(evaluations={}, failed={}, skipped={})
    errors: list[MtlError] = []
    for number, (name, run) in enumerate(runs.items(), 1):
        if not run.has_scores:
            result.skipped[name] = run.error or run.status
            continue
        start = f"run {number} of {len(runs)}: "
        try:
            evaluation = evaluate_run(run, table, request, start, folder / name)
            result.evaluations[name] = evaluation
        except MtlError as error:
            errors.append(error)
            result.failed[name] = str(error)
    return result, errors


def evaluate_run(
    run: Run, table: Location, request: EvaluationRequest, start: str, folder: Path
) -> Evaluation:
    """Evaluates a run and writes its copy. Names of work begin with `start`."""
    import keras

    def on_progress(word: str, done: int, total: int) -> None:
        request.on_progress(f"{start}{word}", done, total)

    keras.backend.clear_session()  # frees the networks of earlier runs
    model = saved_model.load(run.path)
    request_of_run = replace(request, on_progress=on_progress)
    data_hash = hash_test_table(table, model.config.dataset)
    evaluation, rows = evaluate(model, table, request_of_run)
    # `mtl-compare` takes rows with equal hashes as the same rows.
    if hash_test_table(table, model.config.dataset) != data_hash:
        raise DataError(
            f"TABLE: {location_name(table)} changed while {run.path} was evaluated; "
            "run again when the file is complete"
        )
    write_copy(run, table, data_hash, model.config, evaluation, rows, folder)
    return evaluation


def hash_test_table(table: Location, dataset: Dataset) -> str:
    table_format = with_format_of(dataset, table).format
    return hash_table("test", find_files("TABLE", table, table_format))


def default_target(folders: list[Path], table: Location) -> Path:
    """Returns the folder to write: `outputs/evaluations/SWEEP-TABLE`.

    For several folders, the folder that holds them takes the place of SWEEP.
    """
    # The parameters of a URL, after `?`, may hold secrets.
    path = path_list(table)[0].partition("?")[0]
    name = f"{Path(common_folder(folders)).name}-{Path(path).name.partition('.')[0]}"
    target = EVALUATION_FOLDER / re.sub(r"[^\w.,=-]+", "_", name)
    if Path.cwd().resolve() not in target.resolve().parents:
        raise ConfigError(
            f"{target} leads out of the current folder by a link; name the folder to "
            "write: -o FOLDER"
        )
    return target


def check_evaluation_target(target: Path, force: bool) -> None:
    """Checks that nothing but an unchanged earlier evaluation would be overwritten."""
    check_target_name(target, "-o: ")
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not (target / EVALUATIONS).is_file():
        raise ConfigError(
            f"-o: {target} exists and is not an evaluation; name another folder"
        )
    if not force:
        raise ConfigError(
            f"-o: {target} exists; name another folder, or add --force to replace it"
        )
    try:
        hashes = read_json_object(target / EVALUATIONS).get(HASHES_KEY)
        check_written(target, EVALUATIONS, hashes)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"-o: {first_line(error)}; move {target} away, or name another folder"
        ) from None
