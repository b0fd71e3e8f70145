"""Starts the child processes of a run on one machine: one per GPU except the first.

The process that starts the children trains on the first GPU itself.
"""

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
    """Starts the other `num_processes - 1` processes of a run.

    Sets `TF_CONFIG`, with the addresses of all processes, in each process, including
    this process.

    Args:
        run_folder: the folder whose saved configuration the children run.
        num_processes: the number of processes, including this process.
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
    """Returns why the first child that has ended did so, for the end of a message.

    The reason is ` (last line of stderr)`, or ` (exit code N)` if the child has printed
    nothing to stderr, or "" if all children still run.
    """
    for child in children:
        if child.poll() is not None:
            lines = child.communicate()[1].strip().splitlines()
            return f" ({lines[-1] if lines else f'exit code {child.returncode}'})"
    return ""


def terminate(children: Children) -> None:
    """Sends SIGTERM to all children, and does not wait for their end."""
    for child in children:
        child.terminate()


def free_ports(count: int) -> list[int]:
    """Returns different ports on which no process of this machine listens."""
    # Port 0 lets the system choose a free port. All sockets stay open until all ports
    # are chosen, so that no port is chosen twice.
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports
