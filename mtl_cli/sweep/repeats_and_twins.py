"""The jobs that one composed configuration means: repeats, and single-task twins."""

from typing import Any

from mtl_cli.models.base import Sharing
from mtl_cli.sweep.folder_names import bare

Values = dict[str, Any]
Variant = tuple[Values, list[str], dict[str, str]]


def expand(
    values: Values, settings: list[str], choices: dict[str, str]
) -> list[Variant]:
    """Returns configurations of single runs, each with its settings and choices.

    Those of the seeds come first, then their single-task twins.

    Args:
        values: the composed configuration, resolved.
        settings: `key=value` that it was composed with.
        choices: of config groups.
    """
    kept = [s for s in settings if not bare(s).startswith(("repeats=", "compare."))]
    repeats, twins = values["repeats"], values["compare"]["single_task"]
    # `resume` has been heeded for the sweep's folder.
    alone = {"repeats": 1, "compare": {"single_task": False}, "resume": "auto"}
    values = values | alone
    one = (values, kept, choices)
    if twins and values["model"]["name"] != "single_task":
        variants = [one, twin(*one)]
    else:
        variants = [one]
    if repeats == 1:
        return variants
    seeds = range(values["seed"], values["seed"] + repeats)
    return [seeded(variant, seed) for variant in variants for seed in seeds]


def seeded(variant: Variant, seed: int) -> Variant:
    """Returns a run with another seed."""
    values, settings, choices = variant
    others = [s for s in settings if not bare(s).startswith("seed=")]
    return values | {"seed": seed}, [*others, f"seed={seed}"], choices


def twin(values: Values, settings: list[str], choices: dict[str, str]) -> Variant:
    """Returns the run that trains the same network for each task alone.

    Its bottom is as deep and wide as one expert, at each level: what a task's input
    passes on the way to the tower. All that is not about sharing stays.
    """
    model = values["model"]
    units = units_alone(model)
    alone = {"heads": "independent", "click_task": None, "conversion_task": None}
    common = {k: v for k, v in model.items() if k in Sharing.model_fields} | alone
    changed = {"name": "single_task", "bottom_units": units}
    own = [
        s
        for s in settings
        if (key := bare(s).partition("=")[0]) != "model"
        and (not key.startswith("model.") or key[6:] in common.keys() - alone.keys())
    ]
    widths = str(units).replace(" ", "")
    own += ["model=single_task", f"model.bottom_units={widths}"]
    return (
        values | {"model": common | changed},
        own,
        choices | {"model": "single_task"},
    )


def units_alone(model: Values) -> list[int]:
    """Returns the widths of the hidden layers between input and tower of one task.

    >>> units_alone({"name": "ple", "num_levels": 2, "expert_units": [64, 32]})
    [64, 32, 64, 32]
    >>> units_alone({"name": "shared_bottom", "bottom_units": [128]})
    [128]
    """
    if "expert_units" in model:
        return list(model["expert_units"]) * int(model.get("num_levels", 1))
    return list(model.get("bottom_units", []))
