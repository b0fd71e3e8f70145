"""Records what the results of a run depend on: configuration, data, code, machine."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.message_text import shown
from mtl_cli.core.nested import flatten
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import PACKAGE
from mtl_cli.core.plugin_code import code_hashes
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.runs.saved_config import read_config

if TYPE_CHECKING:  # the imports take a tenth of a second
    from mtl_cli.config.run_config import Config
    from mtl_cli.data.load import Data

# Keys that may change when a run is resumed, so the hash of a configuration leaves them
# out. The value is an argument `exclude` of pydantic: True excludes the whole section.
# Only `strategy` can change the results, because it changes the number of processes:
# each process draws its own dropout masks, and its batch normalisation uses only the
# rows of the batch that this process has.
KEYS_FREE_TO_CHANGE: Any = {
    "resume": True,
    "tracker": True,
    "trainer": {"profile", "checkpoint_minutes", "strategy"},
}
# The key of `environment.json` that holds {module of an option: hash of its plugin}.
PLUGINS = "plugins"
# The key that holds {file of pretrained vectors or their ids: hash of its content}.
PRETRAINED = "pretrained"
TRAIN_HASH = "train_hash"  # the key that holds the hash of the training table


def config_hash(config: "Config") -> str:
    """Returns a hash of a configuration, without `KEYS_FREE_TO_CHANGE`."""
    text = json.dumps(fixed_values(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fixed_values(config: "Config") -> dict[str, Any]:
    """Returns the values of a configuration that a resumed run must not change."""
    values = config.model_dump(mode="json", exclude=KEYS_FREE_TO_CHANGE)
    return mask_secrets(values)


def environment(config: "Config", data: "Data") -> dict[str, Any]:
    values = {
        **tensorflow_runtime.describe(),
        "git_commit": git_commit(),
        "seed": config.seed,
        "data_hash": data.fingerprint,
        "config_hash": config_hash(config),
    }
    if data.train_hash is not None:
        values[TRAIN_HASH] = data.train_hash
    if hashes := plugin_hashes(config):
        values[PLUGINS] = hashes
    return values


def git_commit() -> str | None:
    """Returns the git commit of mtl-cli's code; None outside of a git checkout."""
    checkout = PACKAGE.parent
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.stdout.strip()


def plugin_hashes(config: "Config") -> dict[str, str]:
    """Returns {option: hash of the code} for the options that plugins provide.

    Only options that decide what a model learns and predicts count, not the tracker.
    """
    return code_hashes(
        [
            config.dataset,
            *config.dataset.used_features.values(),
            *config.chosen_tasks.values(),
            config.encoder,
            config.model,
            *config.model.inner_options(),
            config.optimizer,
            config.balancing,
        ]
    )


def changed_plugins(config: "Config", run: Path) -> str:
    """Names the options of plugins whose code has changed since a run began."""
    return changed_names(PLUGINS, plugin_hashes(config), run)


def changed_names(key: str, hashes: dict[str, str], run: Path) -> str:
    """Names the entries of `hashes` that differ from those that a run has recorded.

    `key` is the key of `environment.json` that holds the recorded hashes. Returns "" if
    all hashes are equal, or if the run has recorded none.
    """
    try:
        old = read_json_object(run / "environment.json")[key]
    except (OSError, ValueError, KeyError):
        return ""
    if not isinstance(old, dict):
        return ""
    return ", ".join(name for name in hashes if hashes[name] != old.get(name))


def config_difference_message(config: "Config", run: Path) -> str:
    """Describes how a configuration differs from the `config.yaml` of a run."""
    try:
        saved = config.read_saved(read_config(run))
    except (OSError, ValueError, TypeError):
        return "the run's config.yaml cannot be read"
    changes = change_messages(fixed_values(saved), fixed_values(config))
    # The hash that the run has recorded differs, so without changes here, somebody has
    # edited the file since the run began.
    return "; ".join(changes[:3]) or "the run's config.yaml was changed"


def change_messages(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Describes each dotted key whose value has changed: `seed was 1, is 2`."""
    old, new = flatten(old), flatten(new)
    return [
        f"{key} was {shown(old.get(key))}, is {shown(new.get(key))}"
        for key in new | old
        if old.get(key) != new.get(key)
    ]
