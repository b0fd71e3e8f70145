"""Evaluates every finished run of a sweep, into a folder that `mtl-compare` reads.

The folder has a subfolder for each run: a copy of the run folder without its model. In
the copy, the evaluated table is the test table: `dataset.test` names the evaluated
table, and the test metrics and the predictions belong to its rows. The copy keeps
the run's scores on training and validation rows, so a comparison of the copies chooses
the best configuration on validation rows.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mtl_cli.comparison.find_runs import EVALUATIONS, find_folders, natural_order
from mtl_cli.comparison.read_run import read_run
from mtl_cli.comparison.runs import Run
from mtl_cli.core.atomic_write import replacing_folder
from mtl_cli.core.errors import DataError, MtlError
from mtl_cli.core.locations import Location
from mtl_cli.core.written_files import HASHES_KEY, hashes_of
from mtl_cli.evaluation.evaluate import EvaluationRequest, evaluate
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.run_copy import write_copy, write_json
from mtl_cli.evaluation.target_folder import check_evaluation_target
from mtl_cli.runs import saved_model


class SweepEvaluation(NamedTuple):
    """The evaluations of the runs of a sweep.

    Attributes:
        evaluations: {name of the run within the sweep: its evaluation}.
        failed: {name of a finished run that cannot be evaluated: the reason}.
        skipped: {name of a run that is not finished: its error or status}.
    """

    evaluations: dict[str, Evaluation]
    failed: dict[str, str]
    skipped: dict[str, str]


def is_sweep(folder: Path) -> bool:
    """Whether a folder holds runs in its subfolders, and is not a run itself."""
    is_run = any((folder / name).exists() for name in ("status.json", "model"))
    return folder.is_dir() and not is_run and bool(find_folders(folder).runs)


def runs_of(sweep: Path) -> dict[str, Run]:
    """Reads the runs of a sweep: {name of the run within the sweep: the run}."""
    folders = sorted(find_folders(sweep).runs, key=natural_order)
    return {
        folder.relative_to(sweep).as_posix(): read_run(folder) for folder in folders
    }


def evaluate_sweep(
    sweep: Path,
    runs: dict[str, Run],
    table: Location,
    target: Path,
    request: EvaluationRequest,
    force: bool,
) -> SweepEvaluation:
    """Evaluates the finished runs of a sweep on a table, and writes a folder.

    The folder `target` appears only when all runs are evaluated. With `force`, it may
    replace an earlier evaluation. `runs` are the runs of the sweep, see `runs_of`.

    Raises:
        MtlError: if no run can be evaluated, or the folder cannot be written.
    """
    check = partial(check_evaluation_target, force=force)
    with replacing_folder(target, check) as temporary:
        temporary.mkdir()
        result, errors = evaluate_runs(runs, table, request, temporary)
        if not result.evaluations:
            raise errors[0] if errors else DataError(f"{sweep} holds no finished run")
        record = {
            "sweep": str(sweep),
            "table": table,
            "runs": list(result.evaluations),
            "failed": result.failed,
            "skipped": result.skipped,
            HASHES_KEY: hashes_of(temporary),
        }
        write_json(temporary / EVALUATIONS, record)
    return result


def evaluate_runs(
    runs: dict[str, Run], table: Location, request: EvaluationRequest, folder: Path
) -> tuple[SweepEvaluation, list[MtlError]]:
    """Evaluates the finished runs on a table, and writes a subfolder for each.

    Args:
        runs: {name of the run within the sweep: the run}.
        table: the table.
        request: the settings of the evaluations.
        folder: the folder in which the subfolders are written.

    Returns: the evaluations; and the errors of the runs that cannot be evaluated.
    """
    result = SweepEvaluation(evaluations={}, failed={}, skipped={})
    errors: list[MtlError] = []
    for number, (name, run) in enumerate(runs.items(), 1):
        if not run.has_scores:
            result.skipped[name] = run.error or run.status
            continue
        run_request = with_prefix(request, f"run {number} of {len(runs)}")
        try:
            result.evaluations[name] = evaluate_run(
                run, table, run_request, folder / name
            )
        except MtlError as error:
            errors.append(error)
            result.failed[name] = str(error)
    return result, errors


def with_prefix(request: EvaluationRequest, prefix: str) -> EvaluationRequest:
    """Returns a request that shows a text before the description of its progress."""

    def on_progress(description: str, done: int, total: int) -> None:
        request.on_progress(f"{prefix}: {description}", done, total)

    return replace(request, on_progress=on_progress)


def evaluate_run(
    run: Run, table: Location, request: EvaluationRequest, folder: Path
) -> Evaluation:
    """Evaluates one run, and writes its folder within the evaluation of the sweep."""
    import keras

    keras.backend.clear_session()  # frees the networks of earlier runs
    model = saved_model.load(run.path)
    evaluation, rows = evaluate(model, table, request)
    write_copy(
        run,
        table=table,
        config=model.config,
        evaluation=evaluation,
        rows=rows,
        folder=folder,
    )
    return evaluation
