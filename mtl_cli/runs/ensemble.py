"""Averages runs that differ only in their seed into one model, the ensemble.

The ensemble gets a run folder of its own, as if it were a trained run.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mtl_cli.config.run_config import Config
from mtl_cli.core.atomic_write import check_target_name, replacing_folder
from mtl_cli.core.errors import (
    DAMAGED_FILE_ERRORS,
    ConfigError,
    DataError,
    WriteError,
    first_line,
)
from mtl_cli.core.message_text import shown
from mtl_cli.core.nested import flatten
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.private_apis import omegaconf_yaml
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.load import Data
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs import saved_model
from mtl_cli.runs.next_commands import commands_for_model
from mtl_cli.runs.provenance import (
    KEYS_FREE_TO_CHANGE,
    PLUGINS,
    PRETRAINED,
    environment,
)
from mtl_cli.runs.recorded_run import recorded_run
from mtl_cli.runs.save_and_score import print_paths, save_and_score
from mtl_cli.runs.saved_config import read_config
from mtl_cli.runs.stage_timer import StageTimer
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.training.progress import History

FLAG = "--ensemble"


@dataclass(frozen=True)
class AveragedRun:
    """A run that an ensemble averages with other runs."""

    model: TrainedModel
    hashes: dict[str, Any]  # `config_hash` and `data_hash` of `environment.json`
    # The entries `PLUGINS` and `PRETRAINED` of `environment.json`, if it has them.
    file_hashes: dict[str, Any]
    written_config: dict[str, Any]  # the content of `config.yaml`

    @property
    def config(self) -> Config:
        return self.model.config

    @property
    def lineage(self) -> dict[str, Any]:
        """The record of the run in the `environment.json` of the ensemble."""
        name = self.model.folder.resolve().name
        return {"run": name, "seed": self.config.seed, **self.hashes}

    @property
    def values_to_share(self) -> dict[str, Any]:
        """{dotted key: value} of all values that the runs of an ensemble must share."""
        may_differ = KEYS_FREE_TO_CHANGE | {"seed": True, "start_from": {"run"}}
        settings = flatten(self.config.model_dump(mode="json", exclude=may_differ))
        values = settings | {"data_hash": self.hashes["data_hash"]}
        values |= flatten(self.file_hashes)
        for name, learnt in self.model.features.learnt.items():
            values[f"learnt.{name}"] = dict(learnt)
        for task, statistics in self.model.network.label_statistics.items():
            values[f"labels.{task}"] = statistics
        return values


def write_ensemble(folders: list[Path], target: Path, quiet: bool = False) -> None:
    """Writes the run folder `target` of the ensemble of several finished runs.

    The folder appears only when it is complete. If `quiet`, the scores are not printed.
    """
    from mtl_cli.network.network import average

    timer = StageTimer()
    check_is_new(target)
    runs = [read_run(folder) for folder in folders]
    for first, second in pairwise(runs):
        check_alike(first, second)
    seeds = [run.config.seed for run in runs]
    config = runs[0].config.model_copy(update={"ensemble": seeds})
    network = average([run.model.network for run in runs])
    timer.end_stage("load the runs")
    data = load_data(runs[0])
    timer.end_stage("read, check and encode the data")
    command = ["mtl-compare", *map(str, folders), FLAG, str(target)]
    with (
        new_run_folder(target) as folder,
        recorded_run(folder, config, command, quiet) as console,
    ):
        # The hashes of files come from the runs, because a plugin or a file of vectors
        # may have changed since the runs were trained.
        environment_values = environment(config, data) | runs[0].file_hashes
        environment_values |= {
            "parameters": network.predictions.count_params(),
            "ensemble": [run.lineage for run in runs],
        }
        written_config = mask_secrets(runs[0].written_config | {"ensemble": seeds})
        folder.write_text("config.yaml", omegaconf_yaml(written_config))
        folder.write_json("environment.json", environment_values)
        folder.write_json("data_report.json", data.report)
        names = ", ".join(run.lineage["run"] for run in runs)
        console.print_line(f"ensemble: the mean of {len(runs)} runs: {names}")
        ensemble = TrainedRun(
            folder=folder,
            config=config,
            command=command,
            next_commands=commands_for_model(target),
            environment=environment_values,
            data=data,
            network=network,
            history=History(),
        )
        save_and_score(ensemble, console, timer)
        print_paths(folder, target, console)


def check_is_new(target: Path) -> None:
    check_target_name(target, f"{FLAG}: ")
    if target.exists() or target.is_symlink():
        raise ConfigError(f"{FLAG}: {target} exists; name a new folder")


@contextlib.contextmanager
def new_run_folder(target: Path) -> Iterator[RunFolder]:
    """Yields a temporary run folder, and renames the complete folder to the target."""
    with replacing_folder(target, check_is_new) as path:
        try:
            yield RunFolder(path, FLAG)
        except WriteError as error:
            # The message names the temporary folder. `replacing_folder` turns the cause
            # into an error that names the target.
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise


def read_run(folder: Path) -> AveragedRun:
    """Reads a finished run and its network, or raises a `DataError`."""
    try:
        recorded = read_json_object(folder / "environment.json")
        hashes = {key: recorded[key] for key in ("config_hash", "data_hash")}
        keys = [key for key in (PLUGINS, PRETRAINED) if key in recorded]
        file_hashes = {key: recorded[key] for key in keys}
        written = read_config(folder)
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"{FLAG}: {folder}: {first_line(error)}; copy the whole folder of the run"
        ) from None
    return AveragedRun(saved_model.load(folder), hashes, file_hashes, written)


def check_alike(first: AveragedRun, second: AveragedRun) -> None:
    """Raises a `ConfigError` if two runs differ in more than their seed."""
    values, other_values = first.values_to_share, second.values_to_share
    for key in values | other_values:
        value, other_value = values.get(key), other_values.get(key)
        if value != other_value:
            raise ConfigError(
                f"{FLAG}: {key} is {shown(value)} in {first.model.folder} and "
                f"{shown(other_value)} in {second.model.folder}; an ensemble averages "
                "runs that differ in their seed alone"
            )


def load_data(run: AveragedRun) -> Data:
    """Reads the unchanged data of a run again, to score the ensemble on its rows."""
    data, learnt = saved_model.load_data(run.model), run.model.features.learnt
    if data.fingerprint != run.hashes["data_hash"] or data.features.learnt != learnt:
        raise DataError(
            f"{FLAG}: the data of {run.model.folder} has changed since the run was "
            "trained, so its ensemble cannot be scored on the same rows; train the "
            "runs again"
        )
    return data
