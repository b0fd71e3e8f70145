"""How the processes of a run find each other, and that they are about the same run.

Before TensorFlow connects them, which would wait for an hour and be deaf to Ctrl-C.
"""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from mtl_cli.core.errors import ConfigError

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 0.2
CALL_SECONDS = 5.0
# What must be the same, by its key in `environment.json`.
ALIKE = {
    "config_hash": "the configuration",
    "data_hash": "the data",
    "git_commit": "the code",
    "versions": "the versions of packages",
}
WELCOME = "welcome"


def meet(
    workers: list[str],
    index: int,
    about: dict[str, Any],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Waits until all processes of a run are there, at most `PATIENCE_SECONDS`.

    Args:
        workers: their addresses; at the first, the chief's, they meet.
        index: which of them this one is.
        about: what this one's numbers depend on, as in `environment.json`.
        check: called now and then; raises an error if it is no use to wait.

    Raises:
        ConfigError: if one does not come, or is about another run.
    """
    mine = {"index": index, **{key: about[key] for key in ALIKE}}
    if index == 0:
        receive(workers, mine, check)
    else:
        introduce(workers[0], mine)


def receive(
    workers: list[str], mine: dict[str, Any], check: Callable[[], None]
) -> None:
    """Waits, as the chief, for all others; answers each with what is wrong with it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(listening(workers[0]))
        here: dict[int, Any] = {}
        for _ in attempts():
            missing = [i for i in range(1, len(workers)) if i not in here]
            if not missing:
                break
            check()
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                peer = stack.enter_context(server.accept()[0])
                peer.settimeout(CALL_SECONDS)
                theirs = json.loads(peer.makefile().readline())
                here[theirs["index"]] = peer, difference(mine, theirs)
        else:
            raise ConfigError(
                f"trainer.strategy: worker {missing[0]} of {len(workers)} "
                f"({workers[missing[0]]}) did not come within {PATIENCE_SECONDS:.0f} "
                "s; give the same command on every machine"
            )
        wrong = "; ".join(words for _, words in here.values() if words)
        for peer, _ in here.values():
            with contextlib.suppress(OSError):
                peer.sendall(f"{wrong or WELCOME}\n".encode())
    if wrong:
        raise ConfigError(wrong)


def introduce(chief: str, mine: dict[str, Any]) -> None:
    """Says to the chief who one is, and waits for its answer."""
    host, port = address(chief)
    answer = ""
    for _ in attempts():
        with (
            contextlib.suppress(OSError),
            socket.create_connection(
                (host, port), timeout=PAUSE_SECONDS * 10
            ) as chief_,
        ):
            chief_.sendall(f"{json.dumps(mine)}\n".encode())
            chief_.settimeout(PATIENCE_SECONDS)
            answer = chief_.makefile().readline().strip()
        if answer == WELCOME:
            return
        if answer:
            raise ConfigError(answer)
        time.sleep(PAUSE_SECONDS)
    raise ConfigError(
        f"trainer.strategy: worker 0 ({chief}), the chief, could not be reached within "
        f"{PATIENCE_SECONDS:.0f} s; give the same command on every machine"
    )


def difference(mine: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Says in what a process differs from the chief; "" if it does not."""
    wrong = [words for key, words in ALIKE.items() if mine[key] != theirs[key]]
    if not wrong:
        return ""
    return (
        f"trainer.strategy: worker {theirs['index']} and the chief differ in "
        f"{' and '.join(wrong)}; all machines need the same"
    )


def attempts() -> Iterator[None]:
    """Yields until it is no use to wait any longer."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        yield


def listening(worker: str) -> socket.socket:
    """Returns a socket that listens where TensorFlow will."""
    try:
        server = socket.create_server(("", address(worker)[1]))
    except OSError as error:
        raise ConfigError(
            f"trainer.strategy: cannot listen at {worker}: {error.strerror}; name "
            "another port"
        ) from None
    server.settimeout(PAUSE_SECONDS)
    return server


def address(worker: str) -> tuple[str, int]:
    """Returns host and port of `host:port`."""
    host, _, port = worker.rpartition(":")
    return host, int(port)
