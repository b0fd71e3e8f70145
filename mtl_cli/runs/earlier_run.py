"""Reads what a run takes from the earlier run that the key `start_from.run` names.

A feature or a task goes on if both runs define it with the same keys. A feature that
goes on keeps what it has learnt from the earlier training rows, such as its vocabulary,
and adds the new values of this run. Other features, and the features that
`start_from.refit` names, start fresh.
"""

from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError, DataError, first_line
from mtl_cli.core.options import first_problem
from mtl_cli.core.other_files import read_json_object, read_text
from mtl_cli.core.run_folder import CHECKPOINTS, START_FROM, RunFolder
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.continued_features import EarlierLearnt, reasons_not_continued
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Dimension, Feature
from mtl_cli.runs.earlier_run_folder import KEY, check_finished
from mtl_cli.runs.provenance import changed_plugins
from mtl_cli.runs.saved_model import LearntModel, load_learnt
from mtl_cli.tasks.base import Statistics, Task

# The file in the run folder with the values from the earlier run. With this file, a run
# that was cut off can be resumed even if the earlier run's folder is gone.
KEPT_FILE = f"{CHECKPOINTS}/{START_FROM}"
# The largest credible number of an optimizer's steps: no computer takes more.
MAX_STEP = 2**53


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


def read_earlier_run(
    config: Config, folder: Path, is_resumed: bool
) -> EarlierRun | None:
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
        raise DataError(f"{KEY}: {error}{version_hint(environment)}") from None
    if earlier.config.ensemble:
        raise ConfigError(
            f"{KEY}: {path} is an ensemble of runs, whose weights one network cannot "
            "hold; name a run of one seed"
        )
    return continued_from(config, path, environment, earlier)


def version_hint(environment: dict[str, Any]) -> str:
    """Returns the end of an error message about a run of another version of mtl-cli.

    `environment` is the content of the run's `environment.json`. Returns "" if the run
    is of this version.
    """
    versions = environment.get("versions")
    run_version = versions.get("mtl-cli") if isinstance(versions, dict) else None
    this_version = version("mtl-cli")
    if run_version == this_version:
        return ""
    return f"; the run is of mtl-cli {run_version}, but this is {this_version}"


def read_kept(config: Config, file: Path) -> EarlierRun:
    """Reads what a resumed run has kept of the earlier run in its own folder.

    Raises a `DataError` if the file is damaged, or does not fit the configuration.
    """
    try:
        earlier = TypeAdapter(EarlierRun).validate_json(read_text(file))
        for key, kept_names, names_in_run in (
            ("learnt", earlier.learnt, config.dataset.used_features),
            ("tasks", earlier.tasks, config.chosen_tasks),
            ("labels", earlier.labels, config.chosen_tasks),
        ):
            if unknown := set(kept_names) - set(names_in_run):
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
    new_features = config.dataset.used_features
    # {feature that does not go on: the reason}
    reasons = reasons_not_continued(
        new_features, earlier.features.by_name, config.start_from.refit
    )
    messages = [f"feature {name} {reason}" for name, reason in reasons.items()]
    if names := changed_plugins(earlier.config, path):
        messages.append(
            f"the code of the plugin of {names} has changed since {path} was trained, "
            "so what goes on may not fit this code; let features that it changes start "
            "fresh by start_from.refit"
        )
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
    hashes = {key: environment.get(key) for key in ("config_hash", "data_hash")}
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
    lengths = {}
    for name, table in earlier.features.layout.tables.items():
        if name not in continued:
            continue
        earlier_feature = earlier.features.by_name[name]
        dim = embedding_dim(config, continued[name])
        earlier_dim = embedding_dim(earlier.config, earlier_feature)
        if dim == earlier_dim == "auto":
            lengths[name] = table.vector_length("auto")
    return lengths


def embedding_dim(config: Config, feature: Feature) -> Dimension:
    """Returns the configured length of a feature's vectors, or `auto`."""
    # Some kinds of features have this key. The value replaces the encoder's value.
    dim: Dimension | None = getattr(feature, "embedding_dim", None)
    return config.encoder.embedding_dim if dim is None else dim


def continued_tasks(
    config: Config, earlier_config: Config
) -> tuple[list[str], list[str]]:
    """Returns the tasks whose towers go on, and a message for each other task."""
    tasks, earlier_tasks = config.chosen_tasks, earlier_config.chosen_tasks
    continued, messages = [], []
    for name, task in tasks.items():
        if name not in earlier_tasks:
            messages.append(f"task {name} is new, so its tower starts fresh")
        elif is_same_task(task, earlier_tasks[name]):
            continued.append(name)
        else:
            messages.append(f"task {name} has other keys, so its tower starts fresh")
    messages += [
        f"task {name} is not in this run, so it is left out"
        for name in earlier_tasks
        if name not in tasks
    ]
    return continued, messages


def is_same_task(task: Task, earlier_task: Task) -> bool:
    """Whether two runs define a task with the same kind and the same labels."""
    return (
        task.kind == earlier_task.kind
        and task.encoding_keys() == earlier_task.encoding_keys()
    )
