"""Adds the settings that some runs leave out, with the values that they stand for."""

import contextlib
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
    """Adds the keys that a run leaves out, with their defaults.

    A run leaves out a key that its data set does not set, or that mtl-cli did not have
    when the run was trained. For example, a run that was saved before
    `trainer.ema_decay` existed belongs to the same configuration as a newer run with
    `trainer.ema_decay=0`. The defaults are those of the classes of the options.

    Args:
        all_settings: the settings of all runs to compare, see `compared_settings`. Only
            keys that at least one of the runs has are added, in the order in which they
            first appear.
    """
    all_keys = dict.fromkeys(key for settings in all_settings for key in settings)
    for settings in all_settings:
        for key in [key for key in all_keys if key not in settings]:
            section, _, name = key.rpartition(".")
            option_key = "kind" if section.startswith("dataset.") else "name"
            if section == "dataset":
                option_key = "generator"
            option = settings.get(f"{section}.{option_key}", "")
            defaults = default_texts(section, option)
            if name in defaults:
                settings[key] = defaults[name]


@cache
def default_texts(section: str, option: str) -> dict[str, str]:
    """Returns the default of each key of a section, as text."""
    defaults: dict[str, str] = {}
    for cls in option_classes(section, option):
        for key, field in cls.model_fields.items():
            if not field.is_required():
                value = field.get_default(call_default_factory=True)
                defaults.setdefault(key, visible(as_text(value)))
    return defaults


def option_classes(section: str, option: str) -> list[type[Options]]:
    """Returns the classes of options whose keys a section of a configuration holds.

    Args:
        section: the start of a dotted key, such as `model` or `dataset.tasks.click`.
        option: the option that the section chooses; "" if it chooses none.
    """
    group, *path = section.split(".")
    if section == "trainer":
        return [Trainer]
    if section in AXES:
        axis, base = AXES[section]
    elif group == "dataset" and len(path) == 2 and path[0] in KINDS:
        axis, base = path[0], KINDS[path[0]]
    else:
        return []
    if section == "dataset" and not option:
        return [base]
    options = [(axis, option, base)]
    if section == "model":
        options += [
            (other_axis, name, other_base)
            for other_axis, other_base in AXES_IN_MODEL.items()
            for name in option_names(other_axis)
        ]
    classes = []
    for axis, name, base in options:
        with contextlib.suppress(KeyError, ConfigError):  # a plugin may not be loaded
            classes.append(option_class(axis, name, base))
    return classes
