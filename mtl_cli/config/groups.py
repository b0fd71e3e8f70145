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
# In these groups, each option is a class, and the key `name` chooses the class. In
# `dataset`, each option is a YAML file, and the key `generator` chooses its class.
GROUPS_OF_CLASSES = AXIS_OF_GROUP.keys() - {"dataset"}
GROUPS = (*AXIS_OF_GROUP, "trainer")
# {folder of options: base class} for the options that `kind` chooses: a feature's key
# `dataset.features.NAME.kind`, and a task's key `dataset.tasks.NAME.kind`.
KINDS: dict[str, type[Options]] = {"features": Feature, "tasks": Task}


def classes_of_group(group: str) -> dict[str, type[Options]]:
    """Returns {option: class that validates its YAML files} for a config group.

    The key "" stands for YAML files that name no option: `trainer`, and data sets that
    read files.
    """
    if group == "trainer":
        return {"": Trainer}
    folder, base = AXIS_OF_GROUP[group]
    classes = {name: option_class(folder, name, base) for name in option_names(folder)}
    return {"": base, **classes} if group == "dataset" else classes


def option_key(group: str) -> str:
    """Returns the key by which the section of a config group chooses its class."""
    return "generator" if group == "dataset" else "name"
