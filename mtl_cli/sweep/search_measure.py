"""The measure by which a search compares its trials: one metric of the same rows."""

import json
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list, cut
from mtl_cli.core.secrets import mask_secrets

if TYPE_CHECKING:
    import optuna

# The attribute of a study that holds the measure of its trials.
MEASURE_ATTRIBUTE = "mtl-cli:measure"
MAX_VALUES_LENGTH = 200  # the largest length of the earlier values in a message


def measure_of_search(config: DictConfig) -> dict[str, str]:
    """Returns the settings that decide what the objective of a search measures.

    They are `trainer.monitor`, the data set with the settings that choose its
    validation rows, and, if the objective is a mean over tasks, the tasks.

    Args:
        config: the configuration of the search, before its jobs are composed.

    Returns: {key: value as text}; {} if the configuration is wrong, or has values only
        in a job: the jobs report errors.

    Raises:
        ConfigError: if the search tries several values of one of these settings.
    """
    from mtl_cli.config.check import check
    from mtl_cli.config.monitor import AUTO, MEAN
    from mtl_cli.sweep.job import row_settings

    loader = GlobalHydra.instance().config_loader()
    parser = OverridesParser.create(loader)
    try:
        parsed = parser.parse_overrides(settings_of_search(config))
        # A setting of the command line replaces the file's setting of the same key.
        settings = {s.get_key_element(): s for s in parsed}.values()
        fixed = [str(s.input_line) for s in settings if not s.is_sweep_override()]
        composed = loader.load_sweep_config(config, fixed)
        with read_write(composed), open_dict(composed):
            del composed["hydra"]
        checked = check(composed)
    except (ConfigError, HydraException, OmegaConfBaseException):
        return {}
    monitor, dataset = checked.trainer.monitor, checked.dataset
    measure = {"trainer.monitor": monitor, "dataset": dataset.name}
    if monitor.partition(".")[0] in (AUTO, MEAN):
        measure["tasks"] = json.dumps(sorted(checked.chosen_tasks))
    rows = row_settings(dataset)
    measure |= {f"dataset.{key}": value for key, value in rows.items()}
    swept_keys = [s.key_or_group for s in settings if s.is_sweep_override()]
    for key in swept_keys:
        if key in measure:
            raise ConfigError(
                f"{key}: the trials of a search can be compared only by one metric of "
                "the same rows; give this key one value, or train a grid with -m"
            )
    masked: dict[str, str] = mask_secrets(measure)
    return masked


def settings_of_search(config: DictConfig) -> list[str]:
    """Returns the `key=value` settings of a search, from its file and command line."""
    params: Any = OmegaConf.select(config, "hydra.sweeper.params") or {}
    command_line: Any = OmegaConf.to_container(config.hydra.overrides.task)
    return [*(f"{key}={value}" for key, value in params.items()), *command_line]


def check_measure(study: "optuna.Study", measure: dict[str, str]) -> None:
    """Refuses to add trials to a study whose earlier trials have another measure.

    Each start notes its measure in the study until a trial of the study is completed.
    """
    from optuna.trial import TrialState

    earlier = study.user_attrs.get(MEASURE_ATTRIBUTE, {})
    is_scored = any(trial.state == TrialState.COMPLETE for trial in study.trials)
    if not (earlier and is_scored):
        study.set_user_attr(MEASURE_ATTRIBUTE, measure)
        return
    common_keys = [key for key in measure if key in earlier]
    keys = [key for key in common_keys if measure[key] != earlier[key]]
    if "dataset" in keys:  # stands for all keys of the data set
        keys = [key for key in keys if not key.startswith("dataset.")]
    if keys:
        values = comma_list(f"{key}={earlier[key]}" for key in keys)
        raise ConfigError(
            f"{comma_list(keys)}: new trials could not be compared with the earlier "
            f"trials of the search, which have {cut(values, MAX_VALUES_LENGTH)}; set "
            "this again, or begin another search with hydra.sweeper.study_name=NAME"
        )
