"""The measure by which a search compares its trials: one metric of the same rows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig

from mtl_cli.config.overrides import without_signs
from mtl_cli.core.errors import ConfigError, MtlError
from mtl_cli.core.message_text import comma_list, cut
from mtl_cli.core.secrets import mask_secrets

if TYPE_CHECKING:
    import optuna

    from mtl_cli.config.run_config import Config
    from mtl_cli.data.dataset import Dataset
    from mtl_cli.tasks.base import Task

# The end of the message about a key or config group that a search may not sweep.
SAME_MEASURE = (
    "all trials of a search need the same metric on the same validation rows; give "
    "this key one value, or train a grid instead of a search"
)
# The attribute of a study that holds the measure of its trials.
MEASURE_ATTRIBUTE = "mtl-cli:measure"
DATA_HASH = "data_hash"  # the key of a measure that holds the hash of the data
MAX_VALUES_LENGTH = 200  # the largest length of the earlier values in a message


def measure_of_search(config: DictConfig) -> dict[str, str]:
    """Returns what the objective of a search measures.

    An example: {"trainer.monitor": "mean", "dataset": "adult",
    "dataset.valid_fraction": "0.1", ..., "metrics": "income.auc, never_married.auc",
    "data_hash": HASH}. `row_settings` returns the keys of `dataset`.

    Args:
        config: the configuration of the search, before its jobs are composed.

    Returns: {key: value as text}. {} if the configuration is wrong: the jobs then
        report the error.

    Raises:
        ConfigError: if the trials would measure different things, because the search
            tries several values of such a key, or several options that set such a key;
            or if there are no validation rows.
    """
    from mtl_cli.comparison.same_rows import SPLIT_KEYS
    from mtl_cli.config.sweep_jobs import check_job, compose_job
    from mtl_cli.sweep.plan import settings_by_key

    try:
        settings = settings_by_key(config)
    except HydraException:
        return {}
    swept_keys = [s.key_or_group for s in settings if s.is_sweep_override()]
    split_keys = [f"dataset.{key}" for key in SPLIT_KEYS]
    refuse_swept(["trainer.monitor", "dataset", *split_keys], swept_keys)
    measure: dict[str, str] = {}
    for group, trial_settings in example_trials(settings):
        try:
            checked = check_job(compose_job(config, trial_settings, number=0))
        except Exception:  # of any class: the job reports the error
            continue
        trial_measure = measure_of_trial(checked, swept_keys)
        if not measure:
            measure = trial_measure | data_hash(checked.dataset)
        elif keys := differing_keys(measure, trial_measure):
            raise ConfigError(
                f"{group}: the options differ in {comma_list(keys)}, but {SAME_MEASURE}"
            )
    masked: dict[str, str] = mask_secrets(measure)
    return masked


def example_trials(settings: list[Override]) -> Iterator[tuple[str, list[str]]]:
    """Yields trials that together have each option of each swept config group.

    For `model=ple,mmoe seed=1,2`, these are a trial with `model=ple` and a trial with
    `model=mmoe`. The first trial has the first option of each group. Each later trial
    has another option of one group. Other swept keys, such as `seed`, are left out: the
    name of a key already shows whether it changes the measure, see `refuse_swept`.

    Yields: (group, settings of the trial); the first trial has the group "".
    """
    loader = GlobalHydra.instance().config_loader()
    fixed_settings = [str(s.input_line) for s in settings if not s.is_sweep_override()]
    options_by_group = {
        setting.get_key_element(): list(setting.sweep_string_iterator())
        for setting in settings
        if setting.is_choice_sweep()
        and loader.get_group_options(setting.key_or_group, results_filter=None)
    }
    first_choices = {
        group: f"{group}={options[0]}" for group, options in options_by_group.items()
    }
    yield "", [*fixed_settings, *first_choices.values()]
    for group, options in options_by_group.items():
        for option in options[1:]:
            choices = first_choices | {group: f"{group}={option}"}
            yield without_signs(group), [*fixed_settings, *choices.values()]


def measure_of_trial(config: "Config", swept_keys: list[str]) -> dict[str, str]:
    """Returns the measure of a trial, see `measure_of_search`.

    Raises:
        ConfigError: if one of the swept keys changes the measure, or if there are no
            validation rows.
    """
    from mtl_cli.config.monitor import AUTO, MEAN, monitored_metrics
    from mtl_cli.sweep.row_settings import row_settings

    monitor, dataset = config.trainer.monitor, config.dataset
    if not dataset.has_validation:
        raise ConfigError(
            "hydra/sweeper: a search compares its trials by validation rows; set "
            "dataset.valid_fraction above 0 or dataset.valid to a file, or train a "
            "grid instead of a search"
        )
    rows = {f"dataset.{key}": value for key, value in row_settings(dataset).items()}
    keys = [*rows, *keys_of_labels_and_metrics(dataset.tasks)]
    if monitor.partition(".")[0] in (AUTO, MEAN):
        keys += ["tasks", "dataset.group"]
    refuse_swept(keys, swept_keys)
    metrics = monitored_metrics(monitor, config.outputs)
    measure = {"trainer.monitor": monitor, "dataset": dataset.name}
    measure["metrics"] = ", ".join(f"{output.name}.{name}" for output, name in metrics)
    return measure | rows


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
        return {DATA_HASH: hash_rows(dataset, unread)}
    except MtlError:
        return {}


def differing_keys(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """Returns the keys in which two measures differ.

    If the change of one key causes the changes of others, only that key is returned.
    `DATA_HASH` is returned only if no other key differs.
    """
    common_keys = [key for key in second if key in first]
    keys = [key for key in common_keys if first[key] != second[key]]
    if "dataset" in keys:
        keys = [key for key in keys if not key.startswith("dataset.")]
    if {"trainer.monitor", "dataset"} & {*keys}:
        keys = [key for key in keys if key != "metrics"]
    if keys == [DATA_HASH]:
        return keys
    return [key for key in keys if key != DATA_HASH]


def refuse_swept(keys: list[str], swept_keys: list[str]) -> None:
    """Raises a `ConfigError` if a search tries several values of one of the keys."""
    for key in swept_keys:
        if key in keys:
            raise ConfigError(f"{key}: {SAME_MEASURE}")


def keys_of_labels_and_metrics(tasks: "dict[str, Task]") -> list[str]:
    """Returns the keys that can change the labels or the metrics of tasks."""
    keys = []
    for name, task in tasks.items():
        section = f"dataset.tasks.{name}"
        keys += [section, f"{section}.metrics"]
        keys += [f"{section}.{key}" for key in task.encoding_keys()]
    return keys


def check_measure(study: "optuna.Study", measure: dict[str, str]) -> None:
    """Refuses to add trials to a study whose earlier trials have another measure.

    Trials of another program are refused too, because their measure is not known.
    Waiting and failed trials of another program do no harm: a waiting trial will be
    measured by the search that runs it, and a failed trial has no score.

    A start of the search notes its measure in the study, as long as no trial of the
    study is complete.
    """
    from optuna.trial import TrialState

    from mtl_cli.sweep.search_storage import SWEEP_ATTRIBUTE

    num_foreign = sum(
        trial.state not in (TrialState.WAITING, TrialState.FAIL)
        and SWEEP_ATTRIBUTE not in trial.system_attrs
        for trial in study.trials
    )
    if num_foreign:
        raise ConfigError(
            f"hydra.sweeper.study_name: in {study._storage.name}, the study "
            f"{study.study_name!r} holds trials of another program ({num_foreign}), "
            "and new trials could not be compared with them; set another "
            "hydra.sweeper.study_name=NAME, or another database by "
            "hydra.sweeper.storage=URL"
        )
    earlier = study.user_attrs.get(MEASURE_ATTRIBUTE, {})
    is_scored = any(trial.state == TrialState.COMPLETE for trial in study.trials)
    if not (earlier and is_scored):
        study.set_user_attr(MEASURE_ATTRIBUTE, measure)
        return
    keys = differing_keys(earlier, measure)
    if keys == [DATA_HASH]:
        raise ConfigError(
            f"dataset: the data of {measure['dataset']} have changed since the earlier "
            "trials of the search, so new trials could not be compared with them; undo "
            "the change, or begin another search with hydra.sweep.dir=FOLDER and "
            "hydra.sweeper.study_name=NAME"
        )
    if keys:
        values = comma_list(f"{key}={earlier[key]}" for key in keys)
        raise ConfigError(
            f"{comma_list(keys)}: new trials could not be compared with the earlier "
            f"trials of the search, which have {cut(values, MAX_VALUES_LENGTH)}; set "
            "these values again, or begin another search with "
            "hydra.sweeper.study_name=NAME"
        )
