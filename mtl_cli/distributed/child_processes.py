"""Child processes of a run on one machine: one for each GPU except the first."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mtl_cli.config.overrides import quoted
from mtl_cli.core.plugins import used_folders
from mtl_cli.distributed import cluster

Children = Sequence[subprocess.Popen[str]]


def start_children(run_folder: Path, num_processes: int) -> Children:
    """Starts the other `num_processes - 1` workers of a run.

    Sets `TF_CONFIG` for each worker, including this process.

    Args:
        run_folder: the folder whose saved configuration the children run.
        num_processes: the number of workers, including this process.
    """
    workers = [f"127.0.0.1:{port}" for port in free_ports(num_processes)]
    command = [sys.executable, "-m", "mtl_cli.cli.train"]
    command += ["--config-path", str(run_folder), "--config-name", "config"]
    command += [f"--plugins={folder}" for folder in used_folders()]
    # The children do not write to the run folder. Without this setting, however, Hydra
    # would make a folder for each child and leave it behind.
    command.append(f"hydra.run.dir={quoted(str(run_folder.resolve()))}")
    command.append("trainer.strategy=multi_worker")
    children = [
        subprocess.Popen(
            command,
            env=os.environ | {cluster.TF_CONFIG: cluster.tf_config(workers, rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(1, num_processes)
    ]
    os.environ[cluster.TF_CONFIG] = cluster.tf_config(workers, 0)
    return children


def exit_reason(children: Children) -> str:
    """Returns why a child has ended, for the end of a message.

    The reason is ` (last line of the child's stderr)` or, without such a line,
    ` (exit code N)`. If several children have ended, the first of them is meant. While
    all children run, the reason is "".
    """
    for child in children:
        if child.poll() is not None:
            lines = child.communicate()[1].strip().splitlines()
            return f" ({lines[-1] if lines else f'exit code {child.returncode}'})"
    return ""


def terminate(children: Children) -> None:
    """Asks all children to end."""
    for child in children:
        child.terminate()


def free_ports(count: int) -> list[int]:
    """Returns the numbers of different ports on which no process listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
