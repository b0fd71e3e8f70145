"""Reads what a run takes from the earlier run that the key `start_from.run` names.

A feature or a task goes on if both runs define it with the same keys. A feature that
goes on keeps what it has learnt from the earlier training rows, such as its vocabulary,
and adds the new values of this run. Other features, and the features that
`start_from.refit` names, start fresh.
"""

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError, DataError, first_line
from mtl_cli.core.options import first_problem
from mtl_cli.core.other_files import check_entries, read_json_object, read_text
from mtl_cli.core.run_folder import CHECKPOINTS, START_FROM, SUBFOLDERS, RunFolder
from mtl_cli.core.run_status import MODEL_CHECKSUMS, status_of
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.feature_set_fitter import EarlierLearnt, reasons_not_continued
from mtl_cli.features.base import Feature
from mtl_cli.runs.saved_model import (
    LearntModel,
    load_learnt,
    named_model_damage,
    run_to_name,
)
from mtl_cli.runs.training_table import TRAIN_HASHES, training_tables
from mtl_cli.tasks.base import Statistics

KEY = "start_from.run"
# The file in the run folder with the values from the earlier run. With this file, a run
# that was cut off can be resumed even if the earlier run's folder is gone.
KEPT_FILE = f"{CHECKPOINTS}/{START_FROM}"
MODEL_HASH = "model_hash"  # the key of the lineage with the hash of the model
# The largest credible number of an optimizer's steps: no computer takes more.
MAX_STEP = 2**53


@dataclass(frozen=True)
class EarlierRun:
    """Everything that a run takes from an earlier run, apart from weights."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    # The earlier run's folder name and hashes, for `environment.json`.
    lineage: dict[str, str | dict[str, str] | None]
    learnt: EarlierLearnt  # {feature that goes on: what the feature has learnt}
    tasks: list[str]  # the tasks that go on
    labels: dict[str, Statistics]  # {task that goes on: statistics of its labels}
    # The steps of the earlier optimizer; None if the optimizer starts fresh.
    optimizer_step: Annotated[int, Field(ge=0, le=MAX_STEP)] | None = None
    messages: list[str] = field(default_factory=list)  # lines for the user
    is_kept: bool = False  # whether a resumed run has read the values from `KEPT_FILE`

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


def read_earlier_run(
    config: Config, folder: Path, is_resumed: bool
) -> EarlierRun | None:
    """Reads what the run in `folder` takes from an earlier run.

    Returns: the values; None if `start_from` names no run.
    """
    if config.start_from.run is None:
        return None
    if is_resumed and (folder / KEPT_FILE).exists():
        return read_kept(config, folder / KEPT_FILE)
    path = Path(config.start_from.run)
    check_finished(path)
    try:
        with named_model_damage(path):
            hashes = read_hashes(path)
        earlier = load_learnt(path)
    except DataError as error:
        raise DataError(f"{KEY}: {error}") from None
    if earlier.config.ensemble:
        raise ConfigError(
            f"{KEY}: {path} is an ensemble of runs, whose weights one network cannot "
            "hold; name a run of one seed"
        )
    if earlier.config.model.feature_factors and not config.model.feature_factors:
        raise ConfigError(
            f"model.feature_factors=false: {path} was trained with factors of the "
            "features, and its kernels need them; set it to true"
        )
    return continued_from(config, path, hashes, earlier)


def read_hashes(run: Path) -> dict[str, str | dict[str, str] | None]:
    """Reads the hashes of a run that later runs record."""
    environment = read_json_object(run / "environment.json")
    hashes = {key: environment.get(key) for key in ("config_hash", "data_hash")}
    for key, value in hashes.items():
        if not isinstance(value, str | None):
            raise ValueError(f"environment.json: {key} is not a text")
    tables = training_tables(run.resolve())
    names = {table: Path(trained_run).name for table, trained_run in tables.items()}
    return {**hashes, MODEL_HASH: model_hash(run), TRAIN_HASHES: names}


def model_hash(run: Path) -> str | None:
    """Returns a hash of a run's model; None if its checksums cannot be read."""
    try:
        return hashlib.sha256(read_text(run / MODEL_CHECKSUMS).encode()).hexdigest()
    except (OSError, ValueError):
        return None


def check_finished(path: Path) -> None:
    """Raises a `ConfigError` if a path is not the folder of a finished run."""
    try:
        if not path.is_dir():
            raise ValueError(f"there is no folder {path}; name a finished run")
        check_entries(path, SUBFOLDERS, allow_hard_links=True)
        status = status_of(path).get("status")
    except (ConfigError, OSError, ValueError) as error:
        raise ConfigError(f"{KEY}: {first_line(error)}") from None
    if status != "done":
        raise ConfigError(
            f"{KEY}: {path} is not the folder of a finished run"
            f"{f' (status: {status})' if status else ''}; "
            f"{run_to_name(path, 'name a finished run')}"
        )


def read_kept(config: Config, file: Path) -> EarlierRun:
    """Reads what a resumed run has kept of the earlier run in its own folder."""
    try:
        earlier = TypeAdapter(EarlierRun).validate_json(read_text(file))
        unknown = earlier.learnt.keys() - config.dataset.used_features.keys()
        unknown |= {*earlier.tasks, *earlier.labels} - config.chosen_tasks.keys()
        if unknown:
            raise ValueError(f"'{min(unknown)}' is not in this run")
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
    config: Config,
    path: Path,
    hashes: dict[str, str | dict[str, str] | None],
    earlier: LearntModel,
) -> EarlierRun:
    """Selects the features and tasks that go on, and what they have learnt.

    `path` is the earlier run's folder, and `hashes` are the result of `read_hashes`.
    """
    new_features = config.dataset.used_features
    # {feature that does not go on: the reason}
    reasons = reasons_not_continued(
        new_features, earlier.features.by_name, config.start_from.refit
    )
    messages = [f"feature {name} {reason}" for name, reason in reasons.items()]
    continued = {
        name: feature for name, feature in new_features.items() if name not in reasons
    }
    if not continued:
        listed = "; ".join(f"{name} {reason}" for name, reason in reasons.items())
        raise ConfigError(
            f"{KEY}: no feature of {path} goes on in dataset {config.dataset.name}: "
            f"{listed}; name a run that has features with the same keys"
        )
    learnt = {name: dict(earlier.features.learnt[name]) for name in continued}
    # The earlier run may have kept the length of a still earlier run: decide anew.
    for values in learnt.values():
        values.pop("embedding_dim", None)
    for name, length in kept_vector_lengths(config, earlier, continued).items():
        learnt[name]["embedding_dim"] = length
    tasks, task_messages = continued_tasks(config, earlier.config)
    return EarlierRun(
        lineage={"run": path.resolve().name, **hashes},
        learnt=learnt,
        tasks=tasks,
        labels={task: earlier.labels[task] for task in tasks if task in earlier.labels},
        messages=[*messages, *task_messages],
    )


def kept_vector_lengths(
    config: Config, earlier: LearntModel, continued: dict[str, Feature]
) -> dict[str, int]:
    """Returns {feature: length of its vectors}, for features that keep this length.

    The length `auto` follows from the size of the vocabulary. A vocabulary that grows
    must not change the length, because the vectors of the earlier run would not fit. So
    if both runs ask for `auto`, the feature keeps its length.

    `continued` are the new run's features that go on, {name: feature}.
    """

    def is_auto(run_config: Config, feature: Feature) -> bool:
        # Some kinds of features have this key. The value replaces the encoder's value.
        dim = getattr(feature, "embedding_dim", None)
        return (dim or run_config.encoder.embedding_dim) == "auto"

    return {
        name: table.vector_length("auto")
        for name, table in earlier.features.layout.tables.items()
        if name in continued
        and is_auto(config, continued[name])
        and is_auto(earlier.config, earlier.features.by_name[name])
    }


def continued_tasks(
    config: Config, earlier_config: Config
) -> tuple[list[str], list[str]]:
    """Returns the tasks whose towers go on, and a message for each other task."""
    tasks, earlier_tasks = config.chosen_tasks, earlier_config.chosen_tasks
    continued, messages = [], []
    for name, task in tasks.items():
        if name not in earlier_tasks:
            messages.append(f"task {name} is new, so its tower starts fresh")
        elif (task.kind, task.encoding_keys()) == (
            earlier_tasks[name].kind,
            earlier_tasks[name].encoding_keys(),
        ):
            continued.append(name)
        else:
            messages.append(f"task {name} has other keys, so its tower starts fresh")
    messages += [
        f"task {name} is not in this run, so it is left out"
        for name in earlier_tasks
        if name not in tasks
    ]
    return continued, messages
