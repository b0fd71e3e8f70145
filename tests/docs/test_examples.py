"""The examples: manifests of the right shape, commands that fit, days that differ."""

import ast
import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from helpers.code_blocks import ROOT
from helpers.networks import config

from mtl_cli.data.dataset import Dataset

EXAMPLES = ROOT / "examples"
MANIFESTS = sorted(EXAMPLES.glob("*.yaml"))


def manifest(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text())


def keys_at(value: Any, path: str) -> Any:
    """Returns a value of nested mappings and lists by its path; fails if it lacks."""
    for key in path.split("."):
        value = value[int(key)] if key.isdigit() else value[key]
    return value


def check_pod(template: Any) -> None:
    """Checks what Kubernetes requires of a pod, and that its volumes exist."""
    spec = template["spec"]
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    assert spec["containers"]
    for container in spec["containers"]:
        assert {"name", "image", "resources"} <= container.keys()
        assert {m["name"] for m in container.get("volumeMounts", [])} <= volumes
        for port in container.get("ports", []):
            assert 0 < port["containerPort"] < 65536
        for amounts in container["resources"].values():
            assert all(isinstance(amount, str) for amount in amounts.values())


def check_command(arguments: list[str], num_processes: int) -> None:
    """Checks settings of `mtl-train` as the command does, and the size of a batch."""
    assert any(argument.startswith("hydra.run.dir=/runs/") for argument in arguments)
    configured = config(*(a for a in arguments if not a.startswith("hydra.")))
    batch_size = configured.training_length(num_rows=10**6).batch_size
    assert batch_size % num_processes == 0


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifest_is_one_named_resource(path: Path) -> None:
    (resource,) = yaml.safe_load_all(path.read_text())
    assert resource.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert resource["metadata"]["name"].replace("-", "").isalnum()


def test_rayjob_has_the_fields_that_kuberay_requires() -> None:
    job = manifest("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    check_pod(cluster["headGroupSpec"]["template"])
    (group,) = cluster["workerGroupSpecs"]
    check_pod(group["template"])
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for parameters in (cluster["headGroupSpec"], group):
        assert all(isinstance(x, str) for x in parameters["rayStartParams"].values())

    program, script, workers, *settings = shlex.split(job["spec"]["entrypoint"])
    container = keys_at(cluster, "headGroupSpec.template.spec.containers.0")
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert program == "python"
    assert str(Path(script).parent) in mounts
    assert (EXAMPLES / Path(script).name).exists()
    assert int(workers) == group["replicas"]
    check_command(["trainer.strategy=multi_worker", *settings], int(workers))


def test_tfjob_has_the_fields_that_kubeflow_requires() -> None:
    job = manifest("tfjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "TFJob")
    replicas = job["spec"]["tfReplicaSpecs"]
    assert list(replicas) == ["Chief", "Worker"]
    assert replicas["Chief"]["replicas"] == 1
    num_processes = sum(spec["replicas"] for spec in replicas.values())
    for spec in replicas.values():
        assert spec["restartPolicy"] == "OnFailure"
        check_pod(spec["template"])
        (container,) = spec["template"]["spec"]["containers"]
        # Kubeflow looks for these names, and sets TF_CONFIG in this container.
        assert container["name"] == "tensorflow"
        assert container["ports"][0]["name"] == "tfjob-port"
        program, *settings = container["command"]
        assert program == "mtl-train"
        assert "trainer.strategy=multi_worker" in settings
        check_command(settings, num_processes)


def test_ray_train_example_is_valid_python() -> None:
    tree = ast.parse((EXAMPLES / "ray_train.py").read_text())
    functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    assert functions == {"train_loop_per_worker", "main"}


def test_days_share_their_users_but_for_a_tenth_that_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("daily", EXAMPLES / "daily.py")
    assert spec is not None and spec.loader is not None
    daily = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(daily)
    daily.write_days(tmp_path, rows_per_day=20_000)
    days = [pd.read_parquet(tmp_path / "days" / f"{day}.parquet") for day in (1, 2, 3)]
    for column, total in (("user", 200), ("item", 100)):
        first, second, third = (set(day[column]) for day in days)
        assert len(second) == total and third == second > first
        assert len(second - first) == total // 10
    assert len(days[0]) < len(days[1]) == len(days[2]) == 20_000
    assert not days[1].equals(days[2])
    # The configuration reads the files and leaves the generator's keys out.
    text = (tmp_path / "conf" / "dataset" / "days.yaml").read_text()
    dataset = Dataset.model_validate(yaml.safe_load(text))
    assert dataset.locations == {"train": "days/1.parquet", "test": "days/2.parquet"}
    assert "generator" not in text


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command, with the commands of this project on the path."""
    bin_folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([bin_folder, os.environ["PATH"]])
    return subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_nightly_script_exports_the_new_model_unless_it_is_worse(
    tmp_path: Path,
) -> None:
    assert not run(tmp_path, f"python {EXAMPLES / 'daily.py'} . 20000").returncode
    settings = "dataset=days model=mmoe hydra.run.dir=outputs/nights/1"
    assert not run(tmp_path, f"mtl-train {settings}").returncode
    script = f"sh {EXAMPLES / 'nightly.sh'}"
    good = run(tmp_path, f"{script} 2 1 days/3.parquet")
    assert good.returncode == 0, good.stderr
    rows = pd.read_parquet(tmp_path / "days" / "2.parquet")
    labels = ["click", "conversion"]
    rows[labels] = rows[labels].sample(frac=1, random_state=1).to_numpy()
    rows.to_parquet(tmp_path / "days" / "bad.parquet")
    bad = run(tmp_path, f"{script} bad 2 days/3.parquet")
    assert bad.returncode == 1
    assert "is behind train=days/2" in bad.stderr
    assert [p.name for p in (tmp_path / "outputs" / "serving").iterdir()] == ["2"]
