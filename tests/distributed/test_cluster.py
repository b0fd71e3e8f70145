"""Addresses and ranks of a run's processes, from environment variables."""

import json

import pytest
from helpers.commands import mtl_train

from mtl_cli.core.errors import ConfigError
from mtl_cli.distributed import cluster


def test_slurm_tasks_keep_the_order_of_their_numbers(monkeypatch):
    for name, value in {
        "SLURM_STEP_NODELIST": "node[2,10-11]",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
        "SLURM_JOB_ID": "20007",
    }.items():
        monkeypatch.setenv(name, value)
    assert cluster.slurm_workers() == [
        "node2:12112",
        "node2:12113",
        "node10:12112",
        "node10:12113",
        "node11:12112",
    ]


def test_slurm_jobs_that_follow_each_other_share_no_port(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NODELIST", "node1")
    monkeypatch.setenv("SLURM_STEP_TASKS_PER_NODE", "8")
    addresses = []
    for job in range(100, 104):
        monkeypatch.setenv("SLURM_JOB_ID", str(job))
        addresses += cluster.slurm_workers()
    assert len(set(addresses)) == 4 * 8


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "trainer.strategy: multi_worker needs to know all processes; set TF_C"),
        ("{", "TF_CONFIG: Invalid JSON"),
        ("[]", "TF_CONFIG: Input should be an object; write {"),
        ('{"cluster": {}}', "TF_CONFIG: task: Field required"),
        ({"worker": 5}, "TF_CONFIG: cluster.worker: Input should be a valid array"),
        (
            {"worker": ["a:1", "b:1"]},
            "TF_CONFIG: this task, worker 2, is not in the cluster",
        ),
        ({"worker": ["a", "b", "c"]}, "TF_CONFIG: the address 'a' has no port"),
        ({"worker": 2 * ["a:1"] + ["b:65536"]}, "TF_CONFIG: the address 'b:65536' has"),
        ({"worker": 2 * ["a:1"] + ["b:0"]}, "TF_CONFIG: the address 'b:0' has no port"),
        ({"worker": 2 * ["a:1"] + ["b:²"]}, "TF_CONFIG: the address 'b:²' has no port"),
        ({"worker": 2 * ["a:1"] + ["b:" + "9" * 5000]}, "TF_CONFIG: the address 'b:99"),
        ({"worker": ["a:1", None]}, "TF_CONFIG: cluster.worker.1: Input should be a"),
        ({"worker": ["a:1"], "ps": ["b:1"]}, "TF_CONFIG: multi_worker has no job"),
        (
            {"worker": 3 * ["a:1"], "cook": ["b:1"]},
            "TF_CONFIG: multi_worker has no job 'cook'",
        ),
    ],
)
def test_malformed_tf_config_is_refused(config, message, monkeypatch):
    monkeypatch.delenv(cluster.TF_CONFIG, raising=False)
    if isinstance(config, dict):
        task = {"type": "worker", "index": 2}
        config = json.dumps({"cluster": config, "task": task})
    if config is not None:
        monkeypatch.setenv(cluster.TF_CONFIG, config)
    with pytest.raises(ConfigError) as raised:
        cluster.rank("multi_worker")
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("chief", ["chief", "master"])
def test_the_task_that_kubeflow_names_chief_has_rank_0(chief, monkeypatch):
    jobs = {"worker": ["b:1", "c:1"], chief: ["a:1"]}
    for rank, (job, index) in enumerate([(chief, 0), ("worker", 0), ("worker", 1)]):
        task = {"type": job, "index": index}
        value = {"cluster": jobs, "task": task, "environment": "cloud"}
        monkeypatch.setenv(cluster.TF_CONFIG, json.dumps(value))
        assert cluster.workers_and_rank() == (["a:1", "b:1", "c:1"], rank)


@pytest.mark.slow
def test_missing_tf_config_ends_the_command_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv(cluster.TF_CONFIG, raising=False)
    ended = mtl_train(tmp_path, "trainer.strategy=multi_worker", "hydra.run.dir=run")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "set TF_CONFIG" in ended.stderr
    assert not (tmp_path / "run").exists()
