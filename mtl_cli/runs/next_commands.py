"""Suggests commands to run after a run, for the terminal and the report."""

import shlex
from pathlib import Path

from mtl_cli.config.run_config import Config
from mtl_cli.core.paths import listed_paths, shortest
from mtl_cli.models.base import COMMON_KEYS


def next_commands(
    config: Config, folder: Path, settings: list[str]
) -> list[tuple[str, str]]:
    """Returns commands to run after training, in the order in which to try them.

    Each entry is a pair: a command and its purpose. `settings` are the flags and
    settings of the run.
    """
    command = next_command(config, settings)
    purpose = "trains a run to compare this run with"
    if command.startswith("mtl-evaluate"):
        purpose = "scores the earlier run on the test rows of this run"
    return [(command, purpose), *commands_for_model(folder)]


def commands_for_model(folder: Path) -> list[tuple[str, str]]:
    """Returns commands that use the model of a run: pairs of a command and purpose."""
    run = shlex.quote(str(shortest(folder)))
    return [
        (f"mtl-compare {run} OTHER_RUN", "says which of two runs is better"),
        (
            f"mtl-evaluate {run} TABLE --by COLUMN --importance",
            "scores the model on other rows, and says what each feature is worth",
        ),
        (f"mtl-predict {run} TABLE -o scores.parquet", "predicts the rows of a table"),
        (f"mtl-export {run} model", "writes the model for serving"),
    ]


def next_command(config: Config, settings: list[str]) -> str:
    """Returns the command to try first after a run.

    - After a run that started from an earlier run and has a test file, the command
      scores the earlier run on this file. A comparison with a new run would be unfair:
      the new run would see fewer rows than the two runs together.
    - After another multi-task run, the command trains the same tasks separately.
    - After any other run, the command repeats the run with several seeds.
    """
    earlier, test = config.start_from.run, config.dataset.test
    # With `valid_from=test`, only a part of the file holds the test rows of the run.
    if earlier is not None and test is not None and config.dataset.valid_from != "test":
        plugins = [s for s in settings if s.startswith("--plugins=")]
        tables = listed_paths(test)
        return shlex.join(["mtl-evaluate", earlier, *tables, *plugins])
    kept_settings = [
        setting
        for setting in (setting.lstrip("+") for setting in settings)
        if not setting.startswith(("hydra.", "seed=", "resume="))
    ]
    # A saved configuration has no config groups, so `model=` cannot choose a model.
    is_saved_config = any(s.startswith("--config-path") for s in kept_settings)
    is_multi_task = len(config.chosen_tasks) > 1 and config.model.name != "single_task"
    if is_multi_task and not is_saved_config and earlier is None:
        twin_settings = without_model(kept_settings)
        return shlex.join(["mtl-train", *twin_settings, "model=single_task"])
    return shlex.join(["mtl-train", "-m", *kept_settings, "seed=1,2,3"])


def without_model(settings: list[str]) -> list[str]:
    """Leaves out the settings that choose a model, or set a key of one model alone."""
    common = tuple(f"model.{key}=" for key in COMMON_KEYS)
    return [
        setting
        for setting in settings
        if setting.startswith(common) or not setting.startswith(("model.", "model="))
    ]
