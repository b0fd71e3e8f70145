"""`mtl-evaluate`: measures how well a trained model predicts a labelled table."""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mtl_cli.cli.evaluate_arguments import PROGRAM, STDOUT, arguments, check_options
from mtl_cli.cli.output_file import check_not_in_table
from mtl_cli.core import plugins, tensorflow_runtime
from mtl_cli.core.atomic_write import RUN_AGAIN, write_text
from mtl_cli.core.command_line import run_command
from mtl_cli.core.conditions import Condition, parse_condition, report_failures
from mtl_cli.core.errors import DataError, fail, tell
from mtl_cli.core.locations import Location, as_location
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.standard_streams import write_to_stdout
from mtl_cli.core.terminal import progress_on_stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mtl_cli.evaluation.evaluate import EvaluationRequest
    from mtl_cli.evaluation.evaluation import Evaluation


def command() -> NoReturn:
    """Runs `mtl-evaluate`, and then ends the process without slow cleanup."""
    exit_without_teardown(main(sys.argv[1:]))


def main(command_line: list[str]) -> int:
    """Runs the command, and returns its exit code; see `run_command`."""
    return run_command(PROGRAM, lambda: run(arguments(command_line)))


def run(options: argparse.Namespace) -> int:
    """Evaluates one run or several; returns the exit code."""
    from mtl_cli.evaluation.several_runs import is_sweep

    evaluates_several = len(options.runs) > 1 or is_sweep(options.runs[0])
    check_options(options, evaluates_several)
    conditions = [
        parse_condition(text, "TASK.METRIC", "income.auc<0.91")
        for text in options.fail_if
    ]
    plugins.use_folders(options.plugins)
    tensorflow_runtime.load()
    if evaluates_several:
        return evaluate_several(options, conditions)
    return evaluate_run(options, conditions)


def evaluate_run(options: argparse.Namespace, conditions: list[Condition]) -> int:
    """Evaluates a run, shows and writes the result; returns the exit code."""
    from mtl_cli.evaluation.evaluate import evaluate
    from mtl_cli.evaluation.results import failed_checks, split_known
    from mtl_cli.runs import saved_model

    with progress_on_stderr() as on_progress:
        table = as_location(options.table) if options.table else None
        request = request_of(options, on_progress)
        model = saved_model.load(options.runs[0])
        check_overwrites_no_data(options, model.config.dataset.locations)
        evaluation, _ = evaluate(model, table, request)
    show_and_write(evaluation, options)
    # Last, so that a wrong name in --fail-if does not lose the results.
    known_conditions, errors = split_known(conditions, [evaluation])
    return report_checks(failed_checks(known_conditions, evaluation), errors)


def show_and_write(evaluation: "Evaluation", options: argparse.Namespace) -> None:
    """Shows an evaluation on stdout, and writes the files of --json and --html."""
    from mtl_cli.evaluation.page import page
    from mtl_cli.evaluation.screen import show_evaluation

    json_text = ""
    try:
        if options.json is not None:
            values = mask_secrets(evaluation.to_dict())
            json_text = json.dumps(values, indent=2, allow_nan=False) + "\n"
        if options.json not in (None, STDOUT):
            write_file(options.json, json_text)
        if options.html is not None:
            write_file(options.html, page(evaluation))
    finally:  # If a file cannot be written, the scores are shown before the error.
        if options.json == STDOUT:
            write_to_stdout(json_text)
        else:
            show_evaluation(evaluation)


def report_checks(failures: list[str], errors: list[str]) -> int:
    """Prints failed conditions, and unknown names in others; returns the exit code."""
    code = report_failures(PROGRAM, failures)
    for error in errors:
        code = fail(PROGRAM, error, 2)
    return code


def check_overwrites_no_data(
    options: argparse.Namespace, tables: "Mapping[str, Location]"
) -> None:
    """Refuses an output that would replace a file of the run's own tables."""
    for flag, path in (("--json", options.json), ("--html", options.html)):
        for location in tables.values() if path else ():
            with contextlib.suppress(DataError):  # the table is no longer there
                check_not_in_table(flag, path, location, "the run's data")


def evaluate_several(options: argparse.Namespace, conditions: list[Condition]) -> int:
    """Evaluates runs, writes the folder, prints a table; returns the exit code."""
    from mtl_cli.evaluation import several_runs
    from mtl_cli.evaluation.results import failed_checks, split_known
    from mtl_cli.evaluation.screen import show_evaluations

    table = as_location(options.table)
    target = options.output or several_runs.default_target(options.runs, table)
    # Checked before the work begins, and again before the target is replaced.
    several_runs.check_evaluation_target(target, options.force)
    with progress_on_stderr() as on_progress:
        request = request_of(options, on_progress)
        result = several_runs.evaluate_several(
            options.runs, table, target, request, options.force
        )
    show_evaluations(result, target)
    known_conditions, errors = split_known(conditions, [*result.evaluations.values()])
    failed = [
        f"{line} of {name}"
        for name, evaluation in result.evaluations.items()
        for line in failed_checks(known_conditions, evaluation)
    ]
    failed += [f"{name}: {reason}" for name, reason in result.failed.items()]
    return report_checks(failed, errors)


def request_of(
    options: argparse.Namespace, on_progress: "Callable[[str, int, int], None]"
) -> "EvaluationRequest":
    from mtl_cli.evaluation.evaluate import EvaluationRequest
    from mtl_cli.scoring.importance import REPEATS

    repeats = REPEATS if options.repeats is None else options.repeats
    return EvaluationRequest(
        options.by, options.importance, options.crosses, repeats, on_progress
    )


def write_file(path: Path, text: str) -> None:
    write_text(path, text, RUN_AGAIN)
    tell(f"wrote {path}")


if __name__ == "__main__":
    command()
