"""Adds default values to the settings of runs that leave a key out.

A section of a configuration, such as `model`, chooses an option, such as `ple`. The
class of the option has the defaults of the section's keys. An axis is a folder of
options in `mtl_cli`, such as `models`.
"""

import contextlib
from functools import cache

from mtl_cli.comparison.run_settings import as_text
from mtl_cli.config.groups import AXIS_OF_GROUP, KINDS, option_key
from mtl_cli.config.trainer import Trainer
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import visible
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads
from mtl_cli.towers.base import Towers

# The section `model` also holds the keys of the options of these axes, for example the
# keys of a gate. {axis: the base class of its options}.
AXES_IN_MODEL: dict[str, type[Options]] = {
    "heads": Heads,
    "gates": Gate,
    "towers": Towers,
}


def complete_settings(all_settings: list[dict[str, str]]) -> None:
    """Adds to the settings of each run the keys that it lacks and another run has.

    A run leaves out a key that its data set does not set, or that mtl-cli did not have
    when the run was trained. For example, a run that was saved before
    `trainer.ema_decay` existed belongs to the same configuration as a newer run with
    `trainer.ema_decay=0`. An added key gets the default of the class of the option.
    """
    all_keys = dict.fromkeys(key for settings in all_settings for key in settings)
    for settings in all_settings:
        missing_keys = [key for key in all_keys if key not in settings]
        for dotted_key in missing_keys:
            section, _, key = dotted_key.rpartition(".")
            # The key by which the section chooses its option.
            is_feature_or_task = section.startswith("dataset.")
            choosing_key = "kind" if is_feature_or_task else option_key(section)
            option = settings.get(f"{section}.{choosing_key}", "")
            defaults = default_texts(section, option)
            if key in defaults:
                settings[dotted_key] = defaults[key]


@cache
def default_texts(section: str, option: str) -> dict[str, str]:
    """Returns {key: its default as text} for the keys of a section with defaults."""
    defaults: dict[str, str] = {}
    for cls in classes_of_section(section, option):
        for key, field in cls.model_fields.items():
            if not field.is_required():
                value = field.get_default(call_default_factory=True)
                defaults.setdefault(key, visible(as_text(value)))
    return defaults


def classes_of_section(section: str, option: str) -> list[type[Options]]:
    """Returns the classes whose fields are the keys of a section of a configuration.

    The section is the start of a dotted key, such as `model` or `dataset.tasks.click`.
    """
    group, *path = section.split(".")
    if section == "trainer":
        return [Trainer]
    if section in AXIS_OF_GROUP:
        axis, base = AXIS_OF_GROUP[section]
    elif group == "dataset" and len(path) == 2 and path[0] in KINDS:
        axis, base = path[0], KINDS[path[0]]
    else:
        return []
    if section == "dataset" and not option:  # a data set without a generator
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
        # An option of a plugin that is not loaded has no known class.
        with contextlib.suppress(KeyError, ConfigError):
            classes.append(option_class(axis, name, base))
    return classes
