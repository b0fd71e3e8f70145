"""Suggests commands to run after a run, for the terminal and the report."""

import shlex
from pathlib import Path

from mtl_cli.config.run_config import Config
from mtl_cli.config.single_task_twin import settings_of_twin
from mtl_cli.core.locations import path_list
from mtl_cli.core.paths import short_path
from mtl_cli.core.plugins import plugin_flags
from mtl_cli.data.labels import sampled_task

# Settings that start like this are left out of a suggested command. Keys of sweeps mean
# nothing for a single run, or would start a whole sweep.
KEYS_OF_SWEEPS = ("sweep=", "sweep.", "repeats=", "compare=", "compare.")
LEFT_OUT_PREFIXES = ("hydra.", "resume=", *KEYS_OF_SWEEPS)


def next_commands(
    config: Config, folder: Path, settings: list[str]
) -> list[tuple[str, str]]:
    """Returns (command, purpose) for each command to try next, the best first."""
    return [comparison_command(config, folder, settings), *commands_for_model(folder)]


def comparison_command(
    config: Config, folder: Path, settings: list[str]
) -> tuple[str, str]:
    """Returns a command that gives scores to compare a run with, and its purpose."""
    earlier, dataset = config.start_from.run, config.dataset
    # A new run to compare with would lack the training rows of the earlier run, so the
    # earlier run is the better comparison. With `valid_from: test`, only a part of the
    # file holds the test rows.
    has_test_file = dataset.valid_from != "test" and not dataset.is_generated
    if earlier is not None and dataset.test is not None and has_test_file:
        plugins = [setting for setting in settings if setting.startswith("--plugins=")]
        runs = [earlier, str(short_path(folder))]
        target = f"outputs/evaluations/{folder.name}"
        tables = path_list(dataset.test)
        command = ["mtl-evaluate", *runs, *tables, "-o", target, *plugins]
        purpose = "scores both runs on the test rows of this run"
    else:
        command = command_to_train_other_run(config, settings)
        purpose = "trains a run to compare this run with"
    return shlex.join(command), purpose


def command_to_train_other_run(config: Config, settings: list[str]) -> list[str]:
    """Returns a command that trains a run to compare a run with.

    After a multi-task run, the command trains the same tasks separately, by a
    single-task model as large as one expert at each level of the run's model. After any
    other run, the command repeats the run with several seeds.
    """
    plain_settings = [setting.lstrip("+") for setting in settings]
    kept_settings = [
        setting
        for setting in plain_settings
        if not setting.startswith(LEFT_OUT_PREFIXES)
    ]
    # A saved configuration has no config groups, so `model=` cannot choose a model.
    # A primary configuration of the user's own may set keys that a twin lacks.
    flags = ("--config-path", "--config-name")
    has_own_config = any(setting.startswith(flags) for setting in kept_settings)
    # Heads for a chain of tasks weight the rows of a task by the `sampling_rate` of
    # another task. Separate tasks have other weights, and cannot be compared.
    heads_weigh_rows = any(
        output.sampled_task != output.name
        and sampled_task(config.dataset, output) is not None
        for output in config.outputs
    )
    if (
        len(config.chosen_tasks) == 1
        or config.model.name == "single_task"
        or has_own_config
        or config.start_from.run is not None
        or heads_weigh_rows
    ):
        without_seed = [s for s in kept_settings if not s.startswith("seed=")]
        return ["mtl-train", "-m", *without_seed, "seed=1,2,3"]
    model = config.model.model_dump(mode="json")
    return ["mtl-train", *settings_of_twin(model, kept_settings)]


def commands_for_model(folder: Path) -> list[tuple[str, str]]:
    """Returns (command, purpose) for each command that uses the model of a run."""
    run = shlex.quote(str(short_path(folder)))
    flags = "".join(f" {shlex.quote(flag)}" for flag in plugin_flags())
    return [
        (f"mtl-compare {run} OTHER_RUN{flags}", "says which of two runs is better"),
        (
            f"mtl-evaluate {run} TABLE --by COLUMN --importance{flags}",
            "scores the model on other rows, and says what each feature is worth",
        ),
        (
            f"mtl-predict {run} TABLE -o scores.parquet{flags}",
            "predicts the rows of a table",
        ),
        (f"mtl-export {run} model{flags}", "writes the model for serving"),
    ]
