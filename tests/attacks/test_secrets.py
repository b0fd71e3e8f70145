"""Secrets are in no file, no message and no name that a run makes."""

import json
from types import SimpleNamespace

import pytest
import yaml
from helpers.commands import mtl_train
from helpers.crafted_files import TASKS, dataset, write
from helpers.planted_data import parquet, values

from mtl_cli.config.run_config import Config
from mtl_cli.runs.provenance import config_hash

SECRET = 'hunter2/é"\\hunter2'


def spellings():
    whole = [SECRET, repr(SECRET)[1:-1], json.dumps(SECRET)[1:-1]]
    return [*(text.encode() for text in whole), b"hunter2"]


@pytest.fixture(scope="module")
def secretive(tmp_path_factory):
    """A run whose data lie where a secret of the environment says."""
    folder = tmp_path_factory.mktemp("secret")
    (folder / "hunter2").mkdir()
    place = folder / SECRET
    place.mkdir(parents=True)
    columns = {"city": ["a", "b"] * 32, "buy": [0, 0, 1, 1] * 16}
    parquet(place, columns)
    features = {"city": {"kind": "sparse"}}
    train = "${oc.env:DB_PASSWORD}/${oc.env:DATA_FILE}"
    write(folder, dataset(yaml.safe_dump(values(train, features, TASKS))))
    known = {"DB_PASSWORD": SECRET, "DATA_FILE": "train.parquet"}
    quick = ["trainer.patience=null", "trainer.epochs=1", "trainer.compile=false"]
    completed = mtl_train(folder, "dataset=mine", *quick, "hydra.run.dir=run", **known)
    return SimpleNamespace(folder=folder, completed=completed, known=known)


def test_secret_of_the_environment_is_in_no_file_of_a_run(secretive):
    completed, run = secretive.completed, secretive.folder / "run"
    assert completed.returncode == 0, completed.stderr
    files = [path for path in run.rglob("*") if path.is_file()]
    assert len(files) > 10
    for secret in spellings():
        assert not [f.name for f in files if secret in f.read_bytes()]
        assert secret not in (completed.stdout + completed.stderr).encode()
    for name in ("config.yaml", "model/spec.json", "report.html"):
        assert "${oc.env:DB_PASSWORD}/train.parquet" in (run / name).read_text()


def test_hash_of_the_configuration_does_not_depend_on_the_secret(secretive):
    run = secretive.folder / "run"
    values = json.loads((run / "model/spec.json").read_text())
    written = json.loads((run / "environment.json").read_text())["config_hash"]
    # The saved configuration holds the reference, and nothing knows the secret here.
    assert written == config_hash(Config.model_validate(values))


def test_configuration_without_its_secret_runs_again_with_it(secretive):
    rerun = ["--config-path", f"{secretive.folder}/run", "--config-name", "config"]
    completed = mtl_train(
        secretive.folder, *rerun, "check_only=true", **secretive.known
    )
    assert completed.returncode == 0, completed.stderr
    assert "64 train rows" in completed.stdout


def test_secret_is_in_no_word_of_a_failed_run(secretive):
    wrong = secretive.known | {"DATA_FILE": "x" * 80}
    settings = ["dataset=mine", "trainer.patience=null", "hydra.run.dir=bad"]
    completed = mtl_train(secretive.folder, *settings, **wrong)
    assert completed.returncode == 2
    assert "no file '${oc.env:DB_PASSWORD}/xxx" in completed.stderr
    for secret in spellings():
        assert secret not in completed.stderr.encode()
        for path in (secretive.folder / "bad").iterdir():
            assert secret not in path.read_bytes(), path.name
