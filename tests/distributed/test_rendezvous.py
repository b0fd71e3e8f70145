"""The rendezvous joins processes of the same run, and refuses other processes."""

import io
import json
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from mtl_cli.core.errors import ConfigError
from mtl_cli.distributed import rendezvous
from mtl_cli.distributed.child_processes import free_ports


def same_environment(**changes):
    return {"config_hash": "c", "data_hash": "d", "git_commit": "g"} | {
        "versions": {"keras": "3"},
        **changes,
    }


def rendezvous_errors(*environments):
    """Returns the error of each process of a rendezvous; "" for a success.

    Args:
        environments: the values of each process; None for a process that stays away.
    """
    workers = [f"127.0.0.1:{port}" for port in free_ports(len(environments))]
    errors = ["" for _ in environments]

    def join(i):
        try:
            rendezvous.join_rendezvous(workers, i, environments[i])
        except ConfigError as error:
            errors[i] = str(error)

    threads = [
        threading.Thread(target=join, args=(i,))
        for i, environment in enumerate(environments)
        if environment
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_rendezvous_of_processes_of_one_run_succeeds():
    assert rendezvous_errors(
        same_environment(), same_environment(), same_environment()
    ) == ["", "", ""]


@pytest.mark.parametrize("rank", [[1], 0, 2, "1", None])
def test_stranger_with_a_wrong_rank_is_no_worker(rank):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    introductions = [
        dict.fromkeys(rendezvous.INTRODUCTION_KEYS) | {"index": index}
        for index in (rank, 1)
    ]

    def come():
        for introduction in introductions:
            connection = connected(workers[0])
            with connection:
                connection.sendall(f"{json.dumps(introduction)}\n".encode())
                connection.recv(1)

    thread = threading.Thread(target=come)
    thread.start()
    for connection, introduction in rendezvous.introductions(workers):
        with connection:
            assert introduction["index"] == 1
    thread.join()


@pytest.mark.parametrize(("num_blanks", "is_read"), [(0, True), (200_000, False)])
def test_introduction_of_endless_length_is_not_read(num_blanks, is_read):
    introduction = dict.fromkeys(rendezvous.INTRODUCTION_KEYS) | {"index": 1}
    line = " " * num_blanks + json.dumps(introduction) + "\n"
    connection = SimpleNamespace(
        settimeout=lambda seconds: None, makefile=lambda: io.StringIO(line)
    )
    assert (rendezvous.read_introduction(connection) is not None) == is_read


def connected(address):
    """Connects to an address as soon as somebody listens there."""
    while True:
        try:
            return socket.create_connection(rendezvous.host_and_port(address))
        except ConnectionRefusedError:
            time.sleep(0.01)


def test_rendezvous_of_different_runs_fails_in_every_process():
    errors = rendezvous_errors(
        same_environment(),
        same_environment(),
        same_environment(
            data_hash="x", versions={"keras": "4"}, pretrained={"v.npy": "y"}
        ),
    )
    assert errors == 3 * [
        "trainer.strategy: worker 2 and the chief differ in the data and the "
        "pretrained vectors and the versions of packages; all machines need the same"
    ]


@pytest.mark.slow
def test_rendezvous_timeout_names_the_missing_process(monkeypatch):
    monkeypatch.setattr(rendezvous, "TIMEOUT_SECONDS", 0.5)
    assert "worker 1 (127.0.0.1:" in rendezvous_errors(same_environment(), None)[0]
    assert (
        "the chief, could not be reached within"
        in rendezvous_errors(None, same_environment())[1]
    )


def test_worker_that_has_come_is_told_which_other_worker_is_missing(monkeypatch):
    monkeypatch.setattr(rendezvous, "TIMEOUT_SECONDS", 1.5)
    chief, worker, _ = rendezvous_errors(same_environment(), same_environment(), None)
    assert worker == chief
    assert "worker 2 (127.0.0.1:" in chief


@pytest.mark.slow
def test_chief_of_a_finished_run_sends_the_workers_home(monkeypatch):
    workers = [f"127.0.0.1:{port}" for port in free_ports(3)]
    chief = threading.Thread(target=rendezvous.dismiss_workers, args=(workers,))
    chief.start()
    for rank in (2, 1):  # each gets its answer at once, before the other has come
        assert not rendezvous.join_rendezvous(workers, rank, same_environment())
    chief.join(10)
    assert not chief.is_alive()
    monkeypatch.setattr(rendezvous, "TIMEOUT_SECONDS", 0.5)
    rendezvous.dismiss_workers(workers)  # no worker comes: the run is finished still


def test_rendezvous_ignores_connections_of_strangers():
    port, other = free_ports(2)
    workers = [f"127.0.0.1:{port}", f"127.0.0.1:{other}"]
    chief = threading.Thread(
        target=rendezvous.join_rendezvous, args=(workers, 0, same_environment())
    )
    chief.start()
    for message in (b"GET / HTTP/1.1\r\n", b"[1]\n", b'{"index": 7}\n', b""):
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port)) as stranger:
                    stranger.sendall(message)
                break
            except ConnectionRefusedError:
                continue
    rendezvous.join_rendezvous(workers, 1, same_environment())
    chief.join(10)
    assert not chief.is_alive()
