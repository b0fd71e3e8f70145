"""Writes configurations, runs and exports as an attacker could have made them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from helpers.composition import composed
from omegaconf import OmegaConf

# A successful attack makes a folder or a file of this name.
CANARY = "canary"
# A node of a configuration that makes Hydra call a function.
CALL = {"_target_": "os.mkdir", "path": CANARY}
TASKS = {"buy": {"label": "buy", "kind": "binary"}}
# The arguments of `mtl-train` that run the saved configuration of `saved_run`.
RERUN = ["--config-path", "{folder}/run", "--config-name", "config"]


def saved_run(**changes: Any) -> dict[str, str]:
    """Returns {path: text} of a run folder with a changed configuration.

    Args:
        changes: {key of the configuration: value}. A dict is merged into the old value.
    """
    logging = [
        {f"override hydra/{group}": "none"}
        for group in ("job_logging", "hydra_logging")
    ]
    config = OmegaConf.to_container(composed("check_only=true"), resolve=True)
    values = {"defaults": [*logging, "_self_"], **config}
    values["hydra"] = {"output_subdir": None, "run": {"dir": "outputs/x"}}
    for key, change in changes.items():
        old = values.get(key, {})
        values[key] = old | change if isinstance(change, dict) else change
    return {"run/config.yaml": yaml.safe_dump(values, sort_keys=False)}


def dataset(text: str) -> dict[str, str]:
    """Returns {path: text} of a data set `mine` in the user's folder `./conf`."""
    return {"conf/dataset/mine.yaml": text}


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Writes files into a folder.

    Args:
        folder: the folder.
        files: {path relative to the folder: content}.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@contextmanager
def changed_record(export: Path) -> Iterator[dict[str, Any]]:
    """Gives the record of an exported folder, and writes it back as it is then.

    The written record has no hash of itself, as in an earlier version of mtl-cli.
    """
    path = export / "export.json"
    record = json.loads(path.read_text("utf-8"))
    record.pop("record_sha256", None)
    yield record
    path.write_text(json.dumps(record), "utf-8")


def forget_hashes(export: Path) -> None:
    """Removes the hashes of an exported folder's files from its record."""
    with changed_record(export) as record:
        del record["files"]
