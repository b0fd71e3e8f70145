"""Starts the child processes of a run on one machine: one per GPU except the first.

The process that starts the children trains on the first GPU itself.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from mtl_cli.config.overrides import quoted
from mtl_cli.core.plugins import used_folders
from mtl_cli.distributed import cluster


class Child(NamedTuple):
    """A child process, and the file to which the process writes its stderr.

    With a pipe in place of the file, the process would block when the pipe is full.
    """

    process: subprocess.Popen[bytes]
    stderr: IO[bytes]


Children = Sequence[Child]


def start_children(run_folder: Path, num_processes: int) -> Children:
    """Starts the other `num_processes - 1` processes of a run.

    The children run the configuration that is saved in the run folder. The environment
    variable `TF_CONFIG` tells each process, this one too, the addresses of all.
    """
    workers = [f"127.0.0.1:{port}" for port in free_ports(num_processes)]
    command = [sys.executable, "-m", "mtl_cli.cli.train"]
    command += ["--config-path", str(run_folder), "--config-name", "config"]
    command += [f"--plugins={folder}" for folder in used_folders()]
    # Without `hydra.run.dir`, Hydra would make a folder for each child.
    command.append(f"hydra.run.dir={quoted(str(run_folder.resolve()))}")
    command.append("trainer.strategy=multi_worker")
    children: list[Child] = []
    try:
        for rank in range(1, num_processes):
            variables = {cluster.TF_CONFIG: cluster.tf_config(workers, rank)}
            children.append(start_child(command, variables))
    except BaseException:
        # Without the other processes, the started children would wait for minutes.
        terminate(children)
        raise
    os.environ[cluster.TF_CONFIG] = cluster.tf_config(workers, 0)
    return children


def start_child(command: Sequence[str], variables: dict[str, str]) -> Child:
    stderr = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=stderr
    )
    return Child(process, stderr)


def exit_reason(children: Children) -> str:
    """Returns why a child has ended, such as " (out of memory)"; "" if all still run.

    If several children have ended, a failed child gives the reason.
    """
    ended = [child for child in children if child.process.poll() is not None]
    if not ended:
        return ""
    failed = [child for child in ended if child.process.returncode != 0]
    process, stderr = (failed or ended)[0]
    stderr.seek(0)
    lines = stderr.read().decode(errors="replace").strip().splitlines()
    return f" ({lines[-1] if lines else f'exit code {process.returncode}'})"


def terminate(children: Children) -> None:
    for child in children:
        child.process.terminate()


def free_ports(count: int) -> list[int]:
    """Returns different ports on which no process of this machine listens."""
    # For port 0, the system chooses a free port. While all sockets are open, no port is
    # chosen twice.
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports
