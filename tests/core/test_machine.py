from pathlib import Path

import pytest

from mtl_cli.core import machine, tensorflow_runtime

GIB = 2**30


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this process's control group, on a machine of 64 cores."""
    own = tmp_path / "cgroup"
    own.write_text("1:cpu:/other\n0::/kubepods/pod7\n")
    monkeypatch.setattr(machine, "OWN_CONTROL_GROUP", own)
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path / "fs")
    monkeypatch.setattr(machine, "cores_of_affinity", lambda: 64)
    folder = tmp_path / "fs/kubepods/pod7"
    folder.mkdir(parents=True)
    return folder


def test_without_control_groups_the_whole_machine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "OWN_CONTROL_GROUP", tmp_path / "missing")
    assert machine.num_cores() == machine.cores_of_affinity()
    assert machine.memory_bytes() > GIB / 2


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", 64), ("400000 100000", 4), ("150000 100000", 2), ("5000 9000", 1)],
)
def test_cores_are_those_of_the_control_group(
    group: Path, limit: str, cores: int
) -> None:
    (group / "cpu.max").write_text(limit + "\n")
    assert machine.num_cores() == cores


def test_least_limit_of_the_groups_above_holds(group: Path) -> None:
    (group / "memory.max").write_text("max\n")
    unlimited = machine.memory_bytes()
    (group.parent / "memory.max").write_text(f"{GIB // 4}\n")
    assert machine.memory_bytes() == GIB // 4 < unlimited
    (group / "memory.max").write_text(f"{GIB // 8}\n")
    assert machine.memory_bytes() == GIB // 8


def test_container_that_sees_its_own_group_as_the_root(group: Path) -> None:
    group.rmdir()
    (group.parent.parent / "cpu.max").write_text("300000 100000\n")
    assert machine.num_cores() == 3


@pytest.mark.parametrize(("own", "threads"), [(None, 4), ("7", 7)])
def test_tensorflow_takes_as_many_threads_as_a_container_has_cores(
    group: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, threads: int
) -> None:
    (group / "cpu.max").write_text("400000 100000\n")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", own or "")
    if own is None:
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    monkeypatch.setattr(tensorflow_runtime, "cores_of_affinity", lambda: 64)
    tensorflow_runtime.load(is_own_process=False)
    variable = "TF_NUM_INTRAOP_THREADS"
    assert tensorflow_runtime.number_in_environment(variable) == threads
