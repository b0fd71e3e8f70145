"""Adds settings that runs of earlier versions of mtl-cli lack."""

from functools import cache

from mtl_cli.comparison.run_settings import as_text
from mtl_cli.config.json_schema import AXES, KINDS
from mtl_cli.config.trainer import Trainer
from mtl_cli.core.errors import ConfigError, visible
from mtl_cli.core.options import Options, option_class, option_names
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads
from mtl_cli.towers.base import Towers

# The axes whose keys are keys of `model`, too.
AXES_IN_MODEL: dict[str, type[Options]] = {
    "heads": Heads,
    "gates": Gate,
    "towers": Towers,
}


def complete_settings(all_settings: list[dict[str, str]]) -> None:
    """Adds the keys that a run lacks because its version of mtl-cli did not have them.

    A run that was saved without `trainer.ema_decay` had no average, and a newer run
    with `trainer.ema_decay=0` has none either. The two belong to one configuration. The
    default in the class of the options is what such a missing key meant.

    Args:
        all_settings: the settings of all runs to compare, see `compared_settings`. The
            function adds only keys that another of the runs has.
    """
    keys = {key for settings in all_settings for key in settings}
    for settings in all_settings:
        for key in keys - settings.keys():
            section, _, name = key.rpartition(".")
            default = defaults_of_section(*classes_of_section(section, settings))
            if name in default:
                settings[key] = default[name]


def classes_of_section(
    section: str, settings: dict[str, str]
) -> tuple[tuple[str, str, type[Options]], ...]:
    """Returns the options whose keys a section of a run's configuration holds.

    Args:
        section: the start of a dotted key, such as `model` or `dataset.tasks.click`.
        settings: the settings of the run.

    Returns: triples of an axis, the name of an option and the base class of the axis.
        "" in place of axis and name stands for the base class itself.
    """
    group, *path = section.split(".")
    if section == "trainer":
        return (("", "", Trainer),)
    if group == "dataset" and len(path) == 2 and path[0] in KINDS:
        kind = settings.get(f"{section}.kind", "")
        return ((path[0], kind, KINDS[path[0]]),)
    if section not in AXES:
        return ()
    axis, base = AXES[section]
    if section == "dataset":
        generator = settings.get("dataset.generator", "")
        return ((axis if generator else "", generator, base),)
    options = [(axis, settings.get(f"{section}.name", ""), base)]
    if section == "model":
        options += [
            (other, name, other_base)
            for other, other_base in AXES_IN_MODEL.items()
            for name in option_names(other)
        ]
    return tuple(options)


@cache
def defaults_of_section(*options: tuple[str, str, type[Options]]) -> dict[str, str]:
    """Returns the default of each key of some options, as text.

    Options of plugins that are not loaded are left out.
    """
    defaults: dict[str, str] = {}
    for axis, name, base in options:
        try:
            option = option_class(axis, name, base) if axis else base
        except (KeyError, ConfigError):
            continue
        for key, field in option.model_fields.items():
            if not field.is_required():
                value = field.get_default(call_default_factory=True)
                defaults.setdefault(key, visible(as_text(value)))
    return defaults
