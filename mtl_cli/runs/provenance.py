"""What a run's numbers depend on: configuration, data, code, machine."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from pydantic import ValidationError

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import shown
from mtl_cli.core.paths import PACKAGE
from mtl_cli.core.secrets import masked

if TYPE_CHECKING:  # which takes a tenth of a second
    from mtl_cli.config.run_config import Config

# Keys that a run may go on with otherwise. They change no number, but for `strategy`:
# several processes draw other dropout masks, and normalise over shares of a batch.
NEUTRAL: Any = {
    "resume": True,
    "trainer": {"profile", "checkpoint_minutes", "strategy"},
}
SHOWN_DIFFERENCES = 3


def config_hash(config: "Config") -> str:
    """Returns a hash of all keys that can change a number."""
    values = masked(config.model_dump(mode="json", exclude=NEUTRAL))
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def environment(config: "Config", data_hash: str) -> dict[str, Any]:
    """Returns the record of what else a run's numbers depend on."""
    return {
        **tensorflow_runtime.describe(),
        "git_commit": git_commit(),
        "seed": config.seed,
        "data_hash": data_hash,
        "config_hash": config_hash(config),
    }


def git_commit() -> str | None:
    """Returns the commit of the checkout that this code runs from, if it is one."""
    if not (Path(PACKAGE.parent) / ".git").exists():
        return None
    command = ["git", "-C", str(PACKAGE.parent), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def config_difference(config: "Config", run: Path) -> str:
    """Says which keys of a run's configuration differ from those of this one."""
    try:
        values: Any = OmegaConf.to_container(OmegaConf.load(run / "config.yaml"))
        own = {key: values[key] for key in values if key not in ("defaults", "hydra")}
        theirs = flat(type(config).model_validate(own).model_dump(mode="json"))
    except (OSError, ValueError, TypeError, ValidationError):
        return "its config.yaml cannot be read"
    ours = flat(config.model_dump(mode="json", exclude=NEUTRAL))
    found = differences(theirs | dict.fromkeys(ours.keys() - theirs.keys()), ours)
    return "; ".join(found[:SHOWN_DIFFERENCES]) or "its config.yaml was changed"


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Says which values of `new` are not those of `old`."""
    return [
        f"{key} was {shown(old.get(key))}, is {shown(value)}"
        for key, value in new.items()
        if old.get(key) != value
    ]


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested values by dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
