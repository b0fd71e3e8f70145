"""Records all that a run's numbers depend on: configuration, data, code, machine."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import shown
from mtl_cli.core.nested import flatten
from mtl_cli.core.paths import PACKAGE
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.runs.saved_config import read_config

if TYPE_CHECKING:  # its import takes a tenth of a second
    from mtl_cli.config.run_config import Config

# Keys that change no number, so that a resumed run may change them. `strategy` is the
# exception: several processes draw other dropout masks, and normalise over shares of a
# batch.
KEYS_WITHOUT_EFFECT: Any = {
    "resume": True,
    "trainer": {"profile", "checkpoint_minutes", "strategy"},
}
MOST_DIFFERENCES = 3


def config_hash(config: "Config") -> str:
    """Returns a hash of all keys that can change a number."""
    values = config.model_dump(mode="json", exclude=KEYS_WITHOUT_EFFECT)
    text = json.dumps(mask_secrets(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def environment(config: "Config", data_hash: str) -> dict[str, Any]:
    """Returns the record of everything else that a run's numbers depend on."""
    return {
        **tensorflow_runtime.describe(),
        "git_commit": git_commit(),
        "seed": config.seed,
        "data_hash": data_hash,
        "config_hash": config_hash(config),
    }


def git_commit() -> str | None:
    """Returns the commit of the checkout that this code runs from, if there is one."""
    if not (Path(PACKAGE.parent) / ".git").exists():
        return None
    command = ["git", "-C", str(PACKAGE.parent), "rev-parse", "HEAD"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.stdout.strip()


def config_difference(config: "Config", run: Path) -> str:
    """Says in which keys a configuration differs from the one of a run folder."""
    try:
        saved = type(config).model_validate(read_config(run))
        old = flatten(saved.model_dump(mode="json"))
    except (OSError, ValueError, TypeError, ValidationError):
        return "its config.yaml cannot be read"
    new = flatten(config.model_dump(mode="json", exclude=KEYS_WITHOUT_EFFECT))
    changes = differences(old | dict.fromkeys(new.keys() - old.keys()), new)
    return "; ".join(changes[:MOST_DIFFERENCES]) or "its config.yaml was changed"


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Describes each value of `new` that differs from the value in `old`."""
    return [
        f"{key} was {shown(old.get(key))}, is {shown(value)}"
        for key, value in new.items()
        if old.get(key) != value
    ]
