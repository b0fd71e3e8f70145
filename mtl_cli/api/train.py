"""The function `mtl_cli.train`: it trains a model in a child process."""

import json
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from mtl_cli.api.checked_calls import checked_call
from mtl_cli.api.child_process import start_child, wait_for_child
from mtl_cli.api.run import Run
from mtl_cli.config.overrides import (
    adds_runs,
    override_text,
    unreadable_key_error,
    without_signs,
)
from mtl_cli.core.errors import (
    ConfigError,
    DataError,
    LostWorkerError,
    TrainingError,
    WriteError,
)
from mtl_cli.core.nested import flatten
from mtl_cli.sweep.folder_names import is_swept
from mtl_cli.sweep.job_deaths import exit_reason

# {class of an error in the child: class to raise in this process}. Errors of other
# classes become a `TrainingError`.
SAME_ERRORS = (ConfigError, DataError, LostWorkerError, WriteError, KeyboardInterrupt)
ERRORS = {cls.__name__: cls for cls in SAME_ERRORS} | {"RowError": DataError}


@checked_call
def train(*overrides: str, **settings: Any) -> Run:
    """Trains one model, as the command `mtl-train` does.

    The training runs in a child process, so it changes nothing in the caller's process.
    The output of the training appears on the caller's `sys.stdout` and `sys.stderr`.
    After Ctrl-C the run writes a checkpoint. The same call then resumes the run.

    Args:
        overrides: settings as on the command line, such as `"model=ple"`; also
            `"--plugins=FOLDER"`.
        settings: settings as keyword arguments, such as `model="ple"` or
            `trainer={"epochs": 2}`.

    Returns: the run. If its folder already holds the finished run, that run is returned
        without training. With `check_only=true`, nothing is trained: the run has no
        metrics, and no folder unless `hydra.run.dir` names one.

    Raises:
        ConfigError: if a setting is wrong.
        DataError: if the data does not fit the configuration.
        TrainingError: if training fails, or the child process dies.
        WriteError: if a file of the run cannot be written.
        KeyboardInterrupt: after Ctrl-C; the message names the checkpoint.

    Example:
        run = mtl_cli.train("model=mmoe", seed=2, trainer={"epochs": 3})
    """
    arguments = [*overrides, *overrides_of(settings)]
    for argument in filter(asks_for_sweep, arguments):
        raise ConfigError(
            f"mtl_cli.train: {argument!r} asks for a sweep, but this function trains "
            "one model; run `mtl-train -m ...`, and read the sweep's folder with "
            "mtl_cli.compare"
        )
    outcome = run_child(arguments)
    if outcome["failures"]:
        failure = outcome["failures"][0]
        raise ERRORS.get(failure["kind"], TrainingError)(failure["message"])
    if outcome["folder"] is None:
        raise ConfigError(f"mtl_cli.train: {arguments} trains no model")
    folder = Path(outcome["folder"])
    # The only run without a folder is a check of the data, with `check_only=true`.
    return Run(folder, has_only_checked=not folder.exists())


def overrides_of(settings: Mapping[str, object]) -> list[str]:
    """Returns one override `key=value` per setting. Keys of nested dicts become dotted.

    >>> overrides_of({"model": "ple", "trainer": {"epochs": 2, "patience": None}})
    ['model=ple', 'trainer.epochs=2', 'trainer.patience=null']
    >>> overrides_of({"tasks": ["income"], "dataset.train": "my rows.csv"})
    ['tasks=[income]', "dataset.train='my rows.csv'"]
    """
    flat = flatten(settings)
    parser = OverridesParser.create()
    for key in flat:
        try:  # only the key matters here, not the value 1
            parser.parse_override(f"{key}=1")
        except HydraException:
            raise unreadable_key_error(key, key) from None
    return [f"{key}={override_text(key, value)}" for key, value in flat.items()]


def run_child(arguments: list[str]) -> dict[str, Any]:
    """Runs `mtl-train` with some arguments in a child process.

    Returns: the JSON object that the child has written: {"failures": [...], "folder":
        run folder or None}; see `mtl_cli.cli.child`.
    """
    with tempfile.TemporaryDirectory(prefix="mtl-cli-") as folder:
        outcome_file = Path(folder, "result.json")
        exit_code = wait_for_child(start_child([str(outcome_file), *arguments]))
        if outcome_file.exists():
            outcome: dict[str, Any] = json.loads(outcome_file.read_text("utf-8"))
            return outcome
    if exit_code == -signal.SIGINT:
        raise KeyboardInterrupt("interrupted before the run began")
    if exit_code:
        raise TrainingError(f"mtl_cli.train: {exit_reason(exit_code)}")
    return {"failures": [], "folder": None}  # after `--version`


def asks_for_sweep(argument: str) -> bool:
    """Whether an argument makes `mtl-train` start several runs.

    A wrong argument does not: the child explains what is wrong.
    """
    setting = without_signs(argument)
    # `-m` may share its word with other flags of Hydra: `-mr` means `-m -r`.
    if setting.startswith(("-m", "--multirun", "compare=")):
        return True
    key, _, value = setting.partition("=")
    if key == "hydra.mode":
        return value != "RUN"
    if key == "sweep":
        return value not in ("", "null")
    return adds_runs(setting) or (key != "repeats" and is_swept(setting))
