"""The config groups of a run, and the classes of the options in each group."""

from mtl_cli.balancing.base import Balancing
from mtl_cli.config.trainer import Trainer
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options
from mtl_cli.data.dataset import Dataset
from mtl_cli.encoders.base import Encoder
from mtl_cli.features.base import Feature
from mtl_cli.models.base import Sharing
from mtl_cli.optimizers.base import Optimizer
from mtl_cli.tasks.base import Task
from mtl_cli.trackers.base import Tracker

# {config group: (folder of its options in `mtl_cli`, base class of the options)}
AXIS_OF_GROUP: dict[str, tuple[str, type[Options]]] = {
    "balancing": ("balancing", Balancing),
    "dataset": ("generators", Dataset),
    "encoder": ("encoders", Encoder),
    "model": ("models", Sharing),
    "optimizer": ("optimizers", Optimizer),
    "tracker": ("trackers", Tracker),
}
# The groups whose options are classes; the key `name` chooses a class. The options of
# `dataset` are YAML files; the key `generator` chooses the class for such a file.
GROUPS_OF_CLASSES = AXIS_OF_GROUP.keys() - {"dataset"}
GROUPS = (*AXIS_OF_GROUP, "trainer")
# {folder of options: base class} for the options that the key `kind` chooses inside
# `dataset`.
KINDS: dict[str, type[Options]] = {"features": Feature, "tasks": Task}


def classes_of_group(group: str) -> dict[str, type[Options]]:
    """Returns {option: class that validates its files} for a config group.

    The class of the option "" validates the files that name no option.
    """
    if group == "trainer":
        return {"": Trainer}
    axis, base = AXIS_OF_GROUP[group]
    options = {name: option_class(axis, name, base) for name in option_names(axis)}
    # A data set that reads files has no generator.
    return {"": base, **options} if group == "dataset" else options


def option_key(group: str) -> str:
    """Returns the key by which the section of a config group chooses its class."""
    return "generator" if group == "dataset" else "name"
