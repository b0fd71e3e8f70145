"""Which process this is of a run that several processes train together.

Reads the environment alone: TensorFlow is not loaded.
"""

import json
import os
from typing import Any

from mtl_cli.errors import ConfigError

TF_CONFIG = "TF_CONFIG"
SLURM_RANK, SLURM_SIZE = "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"


def rank(strategy: str | None) -> int:
    """Returns the number of this process; 0, the chief, writes the run folder.

    Args:
        strategy: `trainer.strategy`.

    Raises:
        ConfigError: if the environment does not say, or says something impossible.
    """
    if strategy != "multi_worker":
        return 0
    if TF_CONFIG in os.environ:
        return tf_config()[1]
    if SLURM_RANK in os.environ and SLURM_SIZE in os.environ:
        return int(os.environ[SLURM_RANK])
    raise ConfigError(
        f"trainer.strategy: multi_worker needs {TF_CONFIG} in the environment, or "
        "srun, which sets Slurm's variables"
    )


def tf_config() -> tuple[list[str], int]:
    """Returns the addresses of all workers, and which of them this process is.

    Raises:
        ConfigError: if `TF_CONFIG` does not say.
    """
    wanted = (
        '{"cluster": {"worker": ["host:port", ...]}, '
        '"task": {"type": "worker", "index": 0}}'
    )
    try:
        value: Any = json.loads(os.environ[TF_CONFIG])
        workers, task = value["cluster"]["worker"], value["task"]
        index = int(task["index"])
        if set(value["cluster"]) != {"worker"} or task["type"] != "worker":
            raise ValueError("only workers take part, and worker 0 is the chief")
        if not 0 <= index < len(workers):
            raise ValueError(f"index {index} is not one of {len(workers)} workers")
        return [str(worker) for worker in workers], index
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{TF_CONFIG}: {error}; write {wanted}") from None


def configured(workers: list[str], index: int) -> str:
    """Returns the `TF_CONFIG` of one worker."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": workers}, "task": task})
