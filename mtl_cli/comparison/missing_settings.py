"""Adds settings that runs of earlier versions of mtl-cli lack."""

from functools import cache
from typing import NamedTuple

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

    For example, a run that was saved before `trainer.ema_decay` existed belongs to the
    same configuration as a newer run with `trainer.ema_decay=0`. The value that the
    missing key stands for is its default in the class of the options.

    Args:
        all_settings: the settings of all runs to compare, see `compared_settings`. Only
            keys that at least one of the runs has are added, in the order in which they
            first appear.
    """
    all_keys = dict.fromkeys(key for settings in all_settings for key in settings)
    for settings in all_settings:
        for key in [key for key in all_keys if key not in settings]:
            section, _, name = key.rpartition(".")
            defaults = default_texts(*options_of_section(section, settings))
            if name in defaults:
                settings[key] = defaults[name]


class Option(NamedTuple):
    """An option of an axis, such as the model `mmoe`.

    Attributes:
        base: the base class of the axis.
        axis: the axis; "" if `base` itself has the keys.
        name: the name of the option on the axis.
    """

    base: type[Options]
    axis: str = ""
    name: str = ""


def options_of_section(section: str, settings: dict[str, str]) -> list[Option]:
    """Returns the options whose keys a section of a run's configuration holds.

    Args:
        section: the start of a dotted key, such as `model` or `dataset.tasks.click`.
        settings: the settings of the run.
    """
    group, *path = section.split(".")
    if section == "trainer":
        return [Option(Trainer)]
    if group == "dataset" and len(path) == 2 and path[0] in KINDS:
        kind = settings.get(f"{section}.kind", "")
        return [Option(KINDS[path[0]], path[0], kind)]
    if section not in AXES:
        return []
    axis, base = AXES[section]
    if section == "dataset":
        generator = settings.get("dataset.generator", "")
        return [Option(base, axis, generator) if generator else Option(base)]
    options = [Option(base, axis, settings.get(f"{section}.name", ""))]
    if section == "model":
        options += [
            Option(other_base, other, name)
            for other, other_base in AXES_IN_MODEL.items()
            for name in option_names(other)
        ]
    return options


@cache
def default_texts(*options: Option) -> dict[str, str]:
    """Returns the default of each key of some options, as text.

    Options of plugins that are not loaded are left out.
    """
    defaults: dict[str, str] = {}
    for base, axis, name in options:
        try:
            option = option_class(axis, name, base) if axis else base
        except (KeyError, ConfigError):
            continue
        for key, field in option.model_fields.items():
            if not field.is_required():
                value = field.get_default(call_default_factory=True)
                defaults.setdefault(key, visible(as_text(value)))
    return defaults
