"""The rendezvous: a check that all processes of a run are present and alike.

Each worker, a process of another rank than 0, connects to the chief and introduces
itself with its rank and the hashes of its configuration, data and code. The chief
compares the hashes with its own, and answers.

TensorFlow connects the processes later. Without the rendezvous, TensorFlow would wait
for a missing process without reacting to Ctrl-C, and could not name this process.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

from mtl_cli.core.errors import ConfigError, LostWorkerError
from mtl_cli.distributed.child_processes import Children, exit_reason

TIMEOUT_SECONDS = 600.0  # for the whole rendezvous
RETRY_SECONDS = 0.2
CONNECT_SECONDS = 2.0  # for one attempt of a worker to connect to the chief
INTRODUCTION_TIMEOUT_SECONDS = 5.0  # from a connection to its introduction
# A stranger on the network could send a line without an end. An introduction has about
# a thousand characters.
MAX_INTRODUCTION_LENGTH = 100_000
# A worker waits this much longer than the chief. The chief's answer may be late: when
# its time ends, the chief may be reading another introduction.
ANSWER_MARGIN_SECONDS = 30.0
# {key of `environment.json` that must be equal in all processes: name in messages}.
COMPARED_KEYS = {
    "config_hash": "the configuration",
    "data_hash": "the data",
    "git_commit": "the code",
    "plugins": "the code of plugins",
    "pretrained": "the pretrained vectors",
    "versions": "the versions of packages",
    "start_from": "the run to start from",
}
INTRODUCTION_KEYS = ("index", *COMPARED_KEYS)  # the index is the worker's rank
# The answers of the chief to a worker; any other answer is an error message.
WELCOME = "welcome"
FINISHED = "finished"


def join_rendezvous(
    workers: list[str], rank: int, environment: dict[str, Any], children: Children = ()
) -> bool:
    """Waits up to `TIMEOUT_SECONDS` until all processes of a run are present.

    `workers` are the addresses of all processes by rank. `environment` holds the values
    for `environment.json`.

    Returns: whether to train; False if the chief's run is finished already.

    Raises:
        ConfigError: if a process is missing, or differs from the chief.
        LostWorkerError: if a child process has ended before it joined.
    """
    compared = {key: environment.get(key) for key in COMPARED_KEYS}
    if rank == 0:
        wait_for_workers(workers, compared, children)
        return True
    return report_to_chief(workers[0], {"index": rank, **compared}) == WELCOME


def wait_for_workers(
    workers: list[str], chief_values: dict[str, Any], children: Children
) -> None:
    """Waits, as the chief, for all workers, and gives them all the same answer.

    The answer is `WELCOME` or an error message.
    """
    with contextlib.ExitStack() as stack:
        connections: dict[int, socket.socket] = {}  # of present workers, by rank
        differences: dict[int, str] = {}  # {rank: error message, "" if equal}
        for connection, introduction in introductions(workers, children):
            stack.enter_context(connection)
            rank = introduction["index"]
            connections[rank] = connection
            differences[rank] = difference_message(chief_values, introduction)
        error = "; ".join(filter(None, differences.values()))
        missing_ranks = set(range(1, len(workers))) - set(connections)
        if missing_ranks:
            rank = min(missing_ranks)
            error = (
                f"trainer.strategy: worker {rank} ({workers[rank]}) did not connect to "
                f"the chief in {TIMEOUT_SECONDS:.0f} s; give the same command on every "
                "machine"
            )
        for connection in connections.values():
            answer(connection, error or WELCOME)
    if error:
        raise ConfigError(error)


def dismiss_workers(workers: list[str]) -> None:
    """Tells all workers that connect to the chief that its run is finished."""
    for connection, _ in introductions(workers):
        with connection:
            answer(connection, FINISHED)


def introductions(
    workers: list[str], children: Children = ()
) -> Iterator[tuple[socket.socket, dict[str, Any]]]:
    """Yields the connection and the introduction of each worker that connects.

    Ends when all workers have connected, or after `TIMEOUT_SECONDS`. A worker that was
    started again may connect twice; the later connection replaces the earlier one.
    """
    missing_ranks = set(range(1, len(workers)))
    try:
        # TensorFlow listens on the same port later, after the socket is closed.
        server = socket.create_server(("", host_and_port(workers[0])[1]))
    except OSError as error:
        raise ConfigError(
            f"trainer.strategy: cannot listen at {workers[0]}: {error.strerror}; name "
            "another port"
        ) from None
    server.settimeout(RETRY_SECONDS)
    with server:
        for _ in attempts():
            if not missing_ranks:
                return
            if reason := exit_reason(children):
                raise LostWorkerError(f"a process of this run has ended{reason}")
            try:
                connection = server.accept()[0]
            except OSError:  # no worker has connected within `RETRY_SECONDS`
                continue
            introduction = read_introduction(connection)
            if introduction is None or introduction["index"] >= len(workers):
                connection.close()
                continue
            missing_ranks.discard(introduction["index"])
            yield connection, introduction


def read_introduction(connection: socket.socket) -> dict[str, Any] | None:
    """Reads a worker's introduction; None if the other side is not a worker."""
    try:
        connection.settimeout(INTRODUCTION_TIMEOUT_SECONDS)
        line = connection.makefile().readline(MAX_INTRODUCTION_LENGTH)
        message = json.loads(line)
        introduction = {key: message[key] for key in INTRODUCTION_KEYS}
        is_worker = isinstance(introduction["index"], int) and introduction["index"] > 0
        return introduction if is_worker else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def answer(connection: socket.socket, text: str) -> None:
    """Sends one line to a worker. Ignores an error, since the worker has ended then."""
    with contextlib.suppress(OSError):
        connection.sendall(f"{text}\n".encode())


def report_to_chief(chief: str, introduction: dict[str, Any]) -> str:
    """Sends this worker's introduction to the chief; returns `WELCOME` or `FINISHED`.

    Tries again while the chief does not listen yet, and if the chief ends before it
    answers. Any other answer, or none within `TIMEOUT_SECONDS`, is a `ConfigError`.
    """
    for _ in attempts():
        reply = ""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(
                host_and_port(chief), timeout=CONNECT_SECONDS
            ) as connection,
        ):
            connection.sendall(f"{json.dumps(introduction)}\n".encode())
            connection.settimeout(TIMEOUT_SECONDS + ANSWER_MARGIN_SECONDS)
            reply = connection.makefile().readline().strip()
        if reply in (WELCOME, FINISHED):
            return reply
        if reply:
            raise ConfigError(reply)
        time.sleep(RETRY_SECONDS)
    raise ConfigError(
        f"trainer.strategy: worker 0 ({chief}), the chief, could not be reached within "
        f"{TIMEOUT_SECONDS:.0f} s; give the same command on every machine"
    )


def difference_message(chief: dict[str, Any], worker: dict[str, Any]) -> str:
    """Returns an error about a worker that differs from the chief, or ""."""
    names = [n for key, n in COMPARED_KEYS.items() if chief[key] != worker[key]]
    differences = " and ".join(names)
    return differences and (
        f"trainer.strategy: worker {worker['index']} and the chief differ in "
        f"{differences}; all machines need the same"
    )


def attempts() -> Iterator[None]:
    """Yields until `TIMEOUT_SECONDS` have passed."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        yield


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
