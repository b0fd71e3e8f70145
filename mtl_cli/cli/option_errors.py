"""The message about an option that a config group lacks, such as `model=mmo`."""

from mtl_cli.cli.config_groups import options_of_group
from mtl_cli.config.groups import GROUPS_OF_CLASSES
from mtl_cli.core.message_text import suggest
from mtl_cli.core.option_classes import suggest_option

# {group of Hydra: {option: the extra of mtl-cli that installs the option}}
EXTRAS = {
    "hydra/launcher": {
        "joblib": "parallel",
        "submitit_local": "slurm",
        "submitit_slurm": "slurm",
        "ray": "ray",
    },
    "hydra/sweeper": {"optuna": "hpo", "list": "hpo"},
}


def unknown_option_message(path: str) -> str:
    """Explains that there is no option GROUP/OPTION; "" if there is no such group."""
    group, _, option = path.rpartition("/")
    if extra := EXTRAS.get(group, {}).get(option):
        return f"{group}={option} needs a package: pip install 'mtl-cli[{extra}]'"
    if group in EXTRAS:
        names = ["basic", *EXTRAS[group], *options_of_group(group)]
    else:
        group, _, option = path.partition("/")
        names = options_of_group(group)
    if not names:
        return ""
    # Plugins can add options to the groups of classes: the hint names --plugins.
    hint_of = suggest_option if group in GROUPS_OF_CLASSES else suggest
    return (
        f"the group '{group}' has no option '{option}'; known: {', '.join(names)}"
        f"{hint_of(option, names)}"
    )
