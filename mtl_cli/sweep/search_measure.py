"""The measure by which a search compares its trials: one metric of the same rows."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from mtl_cli.core.errors import ConfigError, MtlError
from mtl_cli.core.locations import absolute_paths
from mtl_cli.core.message_text import comma_list
from mtl_cli.core.secrets import mask_secrets

if TYPE_CHECKING:
    import optuna

    from mtl_cli.config.run_config import Config
    from mtl_cli.data.dataset import Dataset
    from mtl_cli.heads.base import OutputMetric

SAME_MEASURE = (
    "all trials of a search need the same metric on the same validation rows; give "
    "this key one value, or train a grid instead of a search"
)
# The attribute of a study that holds the measure of its trials.
MEASURE_ATTRIBUTE = "mtl-cli:measure"
# The keys of `dataset` that determine how rows are read and used, not which rows.
NOT_ABOUT_ROWS = {"name", "format", "csv", "stream", "group_column"}
NOT_ABOUT_ROWS |= {"features", "tasks", "groups", "group"}


def measure_of_search(
    config: DictConfig, settings: list[Override]
) -> tuple[dict[str, str], "list[OutputMetric]"]:
    """Returns what the objective of a search measures, and its monitored metrics.

    An example: {"trainer.monitor": "mean", "dataset": "adult",
    "dataset.valid_fraction": "0.1", ..., "metrics": "income.auc, never_married.auc",
    "data_hash": HASH}. `row_settings` returns the keys of `dataset`.

    A search without validation rows is refused, and one that tries several values of a
    key that changes the measure, or several options that set such a key. The results
    are empty if all configurations are wrong: the jobs report the error.
    """
    from mtl_cli.comparison.same_rows import SPLIT_KEYS
    from mtl_cli.config.check import check_job, compose_job
    from mtl_cli.config.monitor import monitored_metrics

    swept_keys = {s.key_or_group for s in settings if s.is_sweep_override()}
    split_keys = [f"dataset.{key}" for key in SPLIT_KEYS]
    refuse_swept(["trainer.monitor", "dataset", *split_keys], swept_keys)
    measure: dict[str, str] = {}
    metrics: list[OutputMetric] = []
    for choices in example_choices(settings):
        try:
            fixed = [str(s.input_line) for s in settings if not s.is_sweep_override()]
            checked = check_job(compose_job(config, fixed + choices, number=0))
        except Exception:  # of any class: the job reports the error
            continue
        trial_measure = measure_of_trial(checked, swept_keys)
        if not measure:
            measure = trial_measure | data_hash(checked.dataset)
            metrics = monitored_metrics(checked.trainer.monitor, checked.outputs)
        elif keys := [k for k, v in trial_measure.items() if measure.get(k, v) != v]:
            raise ConfigError(
                f"{' '.join(choices)}: differs from other trials in "
                f"{comma_list(keys)}; {SAME_MEASURE}"
            )
    masked: dict[str, str] = mask_secrets(measure)
    return masked, metrics


def example_choices(settings: list[Override]) -> Iterator[list[str]]:
    """Yields the first values of all swept keys, and then each other example of a key.

    All options of a swept group are examples. The choices of `model.heads` count as
    options too: the heads decide whose `sampling_rate` weighs the rows. Of other keys,
    the first two values are examples: a key of the data set may follow any key, as
    `split_seed: ${seed}` does.
    """
    loader = GlobalHydra.instance().config_loader()

    def has_options(key: str) -> bool:
        options = loader.get_group_options(key, results_filter=None)
        return key == "model.heads" or bool(options)

    options = {
        setting.get_key_element(): list(setting.sweep_string_iterator())
        for setting in settings
        if setting.is_choice_sweep() and has_options(setting.key_or_group)
    }
    for setting in filter(Override.is_discrete_sweep, settings):
        values = islice(setting.sweep_string_iterator(), 2)
        options.setdefault(setting.get_key_element(), list(values))
    first = {group: names[0] for group, names in options.items()}
    yield [f"{group}={name}" for group, name in first.items()]
    for group, names in options.items():
        for name in names[1:]:
            yield [f"{g}={n}" for g, n in (first | {group: name}).items()]


def measure_of_trial(config: "Config", swept_keys: set[str]) -> dict[str, str]:
    """Returns the measure of a trial without the hash of the data."""
    from mtl_cli.config.monitor import monitored_metrics
    from mtl_cli.data.labels import sampled_task

    monitor, dataset = config.trainer.monitor, config.dataset
    if not dataset.has_validation:
        raise ConfigError(
            "hydra/sweeper: a search compares its trials by validation rows; set "
            "dataset.valid_fraction above 0 or dataset.valid to a file, or train a "
            "grid instead of a search"
        )
    rows = {f"dataset.{key}": value for key, value in row_settings(dataset).items()}
    metrics = monitored_metrics(monitor, config.outputs)
    if any(output.task.metric(name).grouped for output, name in metrics):
        rows["dataset.group_column"] = json.dumps(dataset.group_column)
    refuse_swept([*rows, *keys_of_labels_and_metrics(config)], swept_keys)
    measure = {"trainer.monitor": monitor, "dataset": dataset.name}
    names = []
    for output, metric in metrics:
        names.append(f"{output.name}.{metric}")
        if output.sampled_task != output.name and sampled_task(dataset, output):
            names[-1] += f" (sampling_rate of {output.sampled_task})"
    measure["metrics"] = ", ".join(names)
    return measure | rows


def keys_of_labels_and_metrics(config: "Config") -> list[str]:
    """Returns the keys that can change the labels or the metrics of the tasks."""
    from mtl_cli.config.monitor import AUTO, MEAN

    monitors_all_tasks = config.trainer.monitor.partition(".")[0] in (AUTO, MEAN)
    keys = ["tasks", "dataset.group"] if monitors_all_tasks else []
    for name, task in config.dataset.tasks.items():
        section = f"dataset.tasks.{name}"
        keys += [section, f"{section}.metrics"]
        keys += [f"{section}.{key}" for key in task.encoding_keys()]
    return keys


def refuse_swept(keys: list[str], swept_keys: set[str]) -> None:
    """Raises a `ConfigError` if a search tries several values of one of the keys."""
    for key in swept_keys.intersection(keys):
        raise ConfigError(f"{key}: {SAME_MEASURE}")


def data_hash(dataset: "Dataset") -> dict[str, str]:
    """Returns {`data_hash`: hash of the files that training and validation read}.

    Returns {} if the files cannot be read: the jobs report that. Returns {} for
    generated rows too: the keys of `row_settings` determine these rows.
    """
    from mtl_cli.data.dataset import Dataset
    from mtl_cli.data.load import hash_rows

    if type(dataset) is not Dataset:
        return {}
    try:
        unread = "test" if dataset.valid_from == "train" else None
        return {"data_hash": hash_rows(dataset, unread)}
    except MtlError:
        return {}


def check_measure(study: "optuna.Study", measure: dict[str, str]) -> None:
    """Refuses to add trials to a study whose earlier trials have another measure.

    A start of the search notes its measure in the study, as long as no trial of the
    study is complete. The trials of another program have no measure.
    """
    from optuna.trial import TrialState

    if all(trial.state != TrialState.COMPLETE for trial in study.trials):
        study.set_user_attr(MEASURE_ATTRIBUTE, measure)
        return
    earlier = study.user_attrs.get(MEASURE_ATTRIBUTE)
    if earlier is None:
        change = "the study holds trials of another program"
    elif keys := [k for k in measure if k in earlier and earlier[k] != measure[k]]:
        change = f"the values of {comma_list(keys)} have changed"
    else:
        return
    raise ConfigError(
        f"hydra.sweeper.study_name: {study.study_name!r} in {study._storage.name}: "
        f"{change}, so new trials could not be compared with the earlier trials; undo "
        "the change, or begin another search with hydra.sweep.dir=FOLDER and "
        "hydra.sweeper.study_name=NAME"
    )


def row_settings(dataset: "Dataset") -> dict[str, str]:
    """Returns the settings that choose a data set's validation rows and their labels.

    Jobs with equal settings have the same validation rows. If a file holds the
    validation rows, the other files and the split do not matter. Paths are made
    absolute, because several relative paths can name one file. `comparison.same_rows`
    has the rule for finished runs.

    Returns: {key below `dataset`: value as text}.
    """
    from mtl_cli.comparison.same_rows import SPLIT_KEYS

    left_out = NOT_ABOUT_ROWS.copy()
    if dataset.only_scenario is None:
        left_out.add("scenario")
    if dataset.valid is not None:
        left_out.update(SPLIT_KEYS, ["train", "test"])
    elif dataset.valid_from == "train":
        left_out.add("test")
    else:
        left_out.add("train")
    values = dataset.model_dump(mode="json", exclude=left_out)
    for key in {"train", "valid", "test"} - left_out:
        if values.get(key):
            values[key] = absolute_paths(values[key])
    values["only_scenario"] = dataset.only_scenario
    values["tasks"] = {name: t.encoding_keys() for name, t in dataset.tasks.items()}
    return {key: json.dumps(value) for key, value in values.items()}
