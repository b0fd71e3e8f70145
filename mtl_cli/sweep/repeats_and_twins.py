"""The jobs of one composed configuration: its repeats, and the twins of each repeat.

A repeat is the same run with another seed. A twin is a run to compare a job with.
"""

from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.config.interpolations import resolution_error
from mtl_cli.config.overrides import quoted, with_add_prefix, without_signs
from mtl_cli.config.single_task_twin import bottom_units, settings_of_twin
from mtl_cli.models.base import COMMON_KEYS

# The heads and towers of a single-task twin. Other heads and towers may link tasks.
INDEPENDENT = {"heads": "independent", "towers": "independent"}


class Variant(NamedTuple):
    """A run that a composed configuration asks for."""

    values: dict[str, Any]  # the resolved configuration
    settings: list[str]  # the `key=value` settings that lead to the values
    choices: dict[str, str]  # the chosen option of each config group


def repeats_and_twins(*repeats: Variant) -> list[Variant]:
    """Returns the repeats of a run, and the twins that it asks for by `compare`.

    The repeats, one per seed, come first. Their single-task twins follow, then their
    single-scenario twins.
    """
    groups = zip(*map(run_and_twins, repeats), strict=True)
    return [variant for group in groups for variant in group]


def run_and_twins(composed: Variant) -> list[Variant]:
    values, settings, choices = composed
    # The session has applied `resume` to the whole sweep. Each job resumes if possible.
    single_run = {"repeats": 1, "compare": {"single_task": False}, "resume": "auto"}
    prefixes = ("repeats=", "compare=", "compare.")
    remaining = [s for s in settings if not without_signs(s).startswith(prefixes)]
    variants = [Variant(values | single_run, remaining, choices)]
    if values["compare"]["single_task"] and values["model"]["name"] != "single_task":
        variants.append(single_task_twin(variants[0]))
    if values["dataset"].get("only_scenario") is None:
        scenarios = values["compare"].get("scenarios", [])
        variants += [single_scenario_twin(variants[0], name) for name in scenarios]
    return variants


def with_seed(run: Variant, composed: DictConfig, seed: int) -> Variant:
    """Returns a repeat of a run, with another seed.

    Other keys may follow the seed, as `dataset.split_seed=${seed}` does. So the
    composed configuration of the run is resolved again. Raises a `ConfigError` if a key
    has no value for this seed.
    """
    composed.seed = seed
    try:
        values: Any = OmegaConf.to_container(composed, resolve=True)
    except OmegaConfBaseException as error:
        raise resolution_error(error) from None
    remaining = [s for s in run.settings if not without_signs(s).startswith("seed=")]
    return Variant(values, [*remaining, f"seed={seed}"], run.choices)


def single_task_twin(variant: Variant) -> Variant:
    """Returns a run's single-task twin: a run with a separate network for each task.

    Between a task's input and its tower, the twin has the layers of one expert of each
    level. The keys that mean the same for all models keep their values.
    """
    values, settings, choices = variant
    model = values["model"]
    units = bottom_units(model)
    common = {key: value for key, value in model.items() if key in COMMON_KEYS}
    single_task = common | {"name": "single_task", "bottom_units": units} | INDEPENDENT
    return Variant(
        values | {"model": single_task},
        settings_of_twin(model, settings),
        choices | {"model": "single_task"},
    )


def single_scenario_twin(variant: Variant, scenario: str | int) -> Variant:
    """Returns a run's twin that is trained on the rows of one scenario alone."""
    values, settings, choices = variant
    dataset = values["dataset"] | {"only_scenario": str(scenario)}
    setting = with_add_prefix(f"dataset.only_scenario={quoted(str(scenario))}")
    return Variant(values | {"dataset": dataset}, [*settings, setting], choices)
