"""Reads what a run takes from the earlier run that the key `start_from.run` names.

A feature or a task goes on if both runs define it with the same keys. A feature that
goes on keeps what it has learnt from the earlier training rows, such as its vocabulary,
and adds the new values of this run. Other features, and the features that
`start_from.refit` names, start fresh.
"""

import contextlib
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError, DataError, first_line, shown, suggest
from mtl_cli.core.options import first_problem
from mtl_cli.core.other_files import check_entries, read_json_object, read_text
from mtl_cli.core.run_folder import (
    CHECKPOINTS,
    START_FROM,
    STATUS,
    SUBFOLDERS,
    RunFolder,
    status_of,
)
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.continued_features import EarlierLearnt, reasons_not_continued
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Dimension, Feature
from mtl_cli.runs.saved_model import LearntModel, load_learnt
from mtl_cli.tasks.base import Statistics

KEY = "start_from.run"
# The file in the run folder with the values from the earlier run. Until the run is done
# it can be resumed with this file, even if the earlier run is gone.
KEPT_FILE = f"{CHECKPOINTS}/{START_FROM}"
# The largest credible number of an optimizer's steps: no computer takes more.
MAX_STEP = 2**53
# A path below these folders may block, or never end, when it is read.
SYSTEM_FOLDERS = ("/proc", "/sys", "/dev")


@dataclass(frozen=True)
class EarlierRun:
    """Everything that a run takes from an earlier run, apart from weights.

    Attributes:
        lineage: the earlier run's folder name and hashes, for `environment.json`.
        learnt: {feature that goes on: what the feature has learnt}.
        tasks: the tasks that go on.
        labels: {task that goes on: statistics of its labels}.
        optimizer_step: number of steps that the earlier optimizer has taken; None if
            the optimizer starts fresh.
        messages: lines for the user, such as one for each feature that starts fresh.
        is_kept: whether the values come from the file `KEPT_FILE` of a resumed run.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    lineage: dict[str, Any]
    learnt: EarlierLearnt
    tasks: list[str]
    labels: dict[str, Statistics]
    optimizer_step: Annotated[int, Field(ge=0, le=MAX_STEP)] | None = None
    messages: list[str] = field(default_factory=list)
    is_kept: bool = False

    def summary(self, features: FeatureSet) -> str:
        """Counts the features that go on, and the values that they have added."""
        num_added = {
            name: len(features.learnt[name]["vocabulary"]) - len(values["vocabulary"])
            for name, values in self.learnt.items()
            if "vocabulary" in values
        }
        new_values = ", ".join(f"{n:,} of {name}" for name, n in num_added.items() if n)
        return (
            f"starting from {self.lineage['run']}: {len(self.learnt)} of "
            f"{len(features.by_name)} features go on, "
            f"new values: {new_values or 'none'}"
        )

    def keep(self, folder: RunFolder) -> None:
        """Writes the values to the run folder, for the case that the run is resumed."""
        values = asdict(self)
        learnt = {key: values[key] for key in ("learnt", "labels")}
        folder.write_values(KEPT_FILE, mask_secrets(values) | learnt)


def read(config: Config, folder: Path, is_resumed: bool) -> EarlierRun | None:
    """Reads what the run in `folder` takes from an earlier run.

    Returns: the values; None if `start_from` names no run.

    Raises:
        ConfigError: if `start_from` names a folder that no run can start from.
        DataError: if the earlier run's files are damaged.
    """
    if config.start_from.run is None:
        return None
    if is_resumed and (folder / KEPT_FILE).exists():
        return read_kept(config, folder / KEPT_FILE)
    path = Path(config.start_from.run)
    check_finished(path)
    try:
        environment = read_json_object(path / "environment.json")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{KEY}: cannot read {path / 'environment.json'}: {first_line(error)}; "
            "copy the whole folder of the run"
        ) from None
    try:
        earlier = load_learnt(path)
    except DataError as error:
        versions = environment.get("versions")
        run_version = versions.get("mtl-cli") if isinstance(versions, dict) else None
        this_version = version("mtl-cli")
        hint = ""
        if run_version != this_version:
            hint = f"; the run is of mtl-cli {run_version}, but this is {this_version}"
        raise DataError(f"{KEY}: {error}{hint}") from None
    if earlier.config.ensemble:
        raise ConfigError(
            f"{KEY}: {path} is an ensemble of runs, whose weights one network cannot "
            "hold; name a run of one seed"
        )
    return continued_from(config, path, environment, earlier)


def check_finished(path: Path) -> None:
    """Raises a `ConfigError` if a path is not the folder of a finished run."""
    try:
        real_path, is_folder = path.resolve(), path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # such as a loop of links
        raise ConfigError(f"{KEY}: {shown(str(path))}: {first_line(error)}") from None
    no_run = f"{path} is not the folder of a run; name the folder of a finished run"
    if any(map(real_path.is_relative_to, SYSTEM_FOLDERS)):
        raise ConfigError(f"{KEY}: {no_run}")
    if not is_folder:
        raise ConfigError(
            f"{KEY}: there is no folder {path}; name the folder of a finished run"
            f"{suggest(path.name, names_of_runs(path.parent))}"
        )
    try:
        check_entries(path, SUBFOLDERS, is_written=False)
        status = status_of(path).get("status")
    except (ConfigError, OSError, ValueError) as error:
        raise ConfigError(f"{KEY}: {first_line(error)}") from None
    if status is None:
        runs = names_of_runs(path)
        example = f", such as {path / runs[0]}" if runs else ""
        raise ConfigError(f"{KEY}: {no_run}{example}")
    if status != "done":
        raise ConfigError(
            f"{KEY}: the run in {path} is not finished, its status is {status}; finish "
            "the run, or name another run"
        )


def names_of_runs(folder: Path) -> list[str]:
    """Returns the names of the run folders in a folder, newest first."""
    times = {}
    for status in folder.glob(f"*/{STATUS}"):
        with contextlib.suppress(FileNotFoundError):  # the run was removed since
            times[status.parent.name] = status.parent.stat().st_mtime
    return sorted(times, key=times.__getitem__, reverse=True)


def read_kept(config: Config, file: Path) -> EarlierRun:
    """Reads what a resumed run has kept of the earlier run in its own folder.

    Raises a `DataError` if the file is damaged, or does not fit the configuration.
    """
    try:
        earlier = TypeAdapter(EarlierRun).validate_json(read_text(file))
        for key, names, names_here in (
            ("learnt", earlier.learnt, config.dataset.used_features),
            ("tasks", earlier.tasks, config.chosen_tasks),
            ("labels", earlier.labels, config.chosen_tasks),
        ):
            if unknown := set(names) - set(names_here):
                raise ValueError(f"{key}: '{min(unknown)}' is not in this run")
    except (OSError, ValueError) as error:
        reason = first_line(error)
        if isinstance(error, ValidationError):
            reason = first_problem(error)
        raise DataError(
            f"{file} is damaged ({reason}), so this run cannot go on; name a new "
            "folder in hydra.run.dir"
        ) from None
    return replace(earlier, is_kept=True)


def continued_from(
    config: Config, path: Path, environment: dict[str, Any], earlier: LearntModel
) -> EarlierRun:
    """Selects the features and tasks that go on, and what they have learnt.

    The path and the environment are the earlier run's folder and `environment.json`.
    Raises a `ConfigError` if no feature goes on.
    """
    features, labels, earlier_config = earlier
    new_features = config.dataset.used_features
    # {feature that does not go on: the reason}
    reasons = reasons_not_continued(
        new_features, features.by_name, config.start_from.refit
    )
    messages = [f"feature {name} {reason}" for name, reason in reasons.items()]
    going_on = [name for name in new_features if name not in reasons]
    if not going_on:
        listed = "; ".join(f"{name} {reason}" for name, reason in reasons.items())
        raise ConfigError(
            f"{KEY}: no feature of {path} goes on in dataset {config.dataset.name}: "
            f"{listed}; name a run that has features with the same keys"
        )
    learnt = {name: dict(features.learnt[name]) for name in going_on}
    # The dimension `auto` follows from the size of the vocabulary. A vocabulary that
    # grows must not change the dimension. So if both runs ask for `auto`, the dimension
    # of the earlier run is kept.
    for name, table in features.layout.tables.items():
        if name not in learnt:
            continue
        learnt[name].pop("embedding_dim", None)
        dims = {
            embedding_dim(config, new_features[name]),
            embedding_dim(earlier_config, features.by_name[name]),
        }
        if dims == {"auto"}:
            learnt[name]["embedding_dim"] = table.vector_length("auto")
    tasks = continued_tasks(config, earlier_config, messages)
    hashes = {key: environment.get(key) for key in ("config_hash", "data_hash")}
    return EarlierRun(
        lineage={"run": path.resolve().name, **hashes},
        learnt=learnt,
        tasks=tasks,
        labels={task: labels[task] for task in tasks if task in labels},
        messages=messages,
    )


def embedding_dim(config: Config, feature: Feature) -> Dimension:
    """Returns the configured length of a feature's vectors, or `auto`."""
    own_dim: Dimension | None = getattr(feature, "embedding_dim", None)
    return config.encoder.embedding_dim if own_dim is None else own_dim


def continued_tasks(config: Config, earlier: Config, messages: list[str]) -> list[str]:
    """Returns the tasks whose towers go on; adds a message for each other task."""
    continued = []
    for name, task in config.chosen_tasks.items():
        earlier_task = earlier.chosen_tasks.get(name)
        keys = (task.kind, task.encoding_keys())
        if earlier_task is None:
            messages.append(f"task {name} is new, so its tower starts fresh")
        elif (earlier_task.kind, earlier_task.encoding_keys()) != keys:
            messages.append(f"task {name} has other keys, so its tower starts fresh")
        else:
            continued.append(name)
    messages += [
        f"task {name} is not in this run, so it is left out"
        for name in earlier.chosen_tasks
        if name not in config.chosen_tasks
    ]
    return continued
