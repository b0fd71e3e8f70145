"""Secrets are in no file, no message and no name that a run makes."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers.commands import mtl_train
from helpers.crafted_files import TASKS, dataset, write
from helpers.planted_data import parquet, values
from helpers.run_pages import run_page
from helpers.slow import slow_except
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError

from mtl_cli.config.run_config import Config
from mtl_cli.core import secrets
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.secret_resolvers import track_secrets
from mtl_cli.pages.figures import plain
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.runs.provenance import config_hash
from mtl_cli.runs.saved_config import saved_config
from mtl_cli.sweep.job import Job
from mtl_cli.trackers._mlflow_store import check_local_store
from mtl_cli.trackers.mlflow import MLflow
from mtl_cli.trackers.wandb import WandB

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
    quick += ["model=shared_bottom"]
    completed = mtl_train(folder, "dataset=mine", *quick, "hydra.run.dir=run", **known)
    return SimpleNamespace(folder=folder, completed=completed, known=known)


@pytest.mark.slow
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


@pytest.mark.slow
def test_hash_of_the_configuration_does_not_depend_on_the_secret(secretive):
    run = secretive.folder / "run"
    values = json.loads((run / "model/spec.json").read_text())
    written = json.loads((run / "environment.json").read_text())["config_hash"]
    # The saved configuration holds the reference, and nothing knows the secret here.
    assert written == config_hash(Config.model_validate(values))


@pytest.mark.slow
def test_configuration_without_its_secret_runs_again_with_it(secretive):
    rerun = ["--config-path", f"{secretive.folder}/run", "--config-name", "config"]
    completed = mtl_train(
        secretive.folder, *rerun, "check_only=true", **secretive.known
    )
    assert completed.returncode == 0, completed.stderr
    assert "64 train rows" in completed.stdout


@pytest.mark.slow
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


# Secrets that a configuration takes in other ways.

TOKEN = {"API_TOKEN": "4815162"}
CHECK = ["dataset=mine", "check_only=true", "trainer.patience=null"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    slow_except(
        ["x-${oc.env:API_TOKEN}", "${oc.select:other}"],
        [
            "${oc.env:API_TOKEN}",
            "x-${oc.env:API_TOKEN}",
            "${oc.decode:${oc.env:API_TOKEN}}",
            "${oc.env:NO_SUCH_VARIABLE,${oc.env:API_TOKEN}}",
            "${oc.select:other}",
        ],
    ),
)
def test_secret_in_the_name_of_a_folder_is_refused(name, tmp_path):
    train = parquet(tmp_path, {"city": ["a", "b"] * 32, "buy": [0, 1] * 32})
    values_ = values(train, {"city": {"kind": "sparse"}}, TASKS) | {"name": name}
    write(tmp_path, dataset(yaml.safe_dump(values_)))
    other = ["+other=${oc.env:API_TOKEN}"] if "select" in name else []
    completed = mtl_train(tmp_path, *CHECK, *other, **TOKEN)
    assert completed.returncode == 2
    assert TOKEN["API_TOKEN"] not in completed.stderr
    assert "the folder's name would show the value of" in completed.stderr
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", slow_except(["seed"], ["dataset.name", "seed", "dataset.train"])
)
def test_secret_in_a_search_space_is_refused(name, tmp_path):
    sweep = {"mode": "MULTIRUN"}
    sweep["sweeper"] = {"params": {name: "${oc.env:API_TOKEN}"}}
    text = f"# @package _global_\n{yaml.safe_dump({'hydra': sweep})}"
    write(tmp_path, {"conf/sweep/mine.yaml": text})
    completed = mtl_train(tmp_path, "sweep=mine", "check_only=true", **TOKEN)
    assert completed.returncode == 2
    assert "holds the value of ${oc.env:API_TOKEN}" in completed.stderr
    assert TOKEN["API_TOKEN"] not in completed.stderr
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_decoded_secret_is_written_as_a_reference(tmp_path):
    train = parquet(tmp_path, {"city": ["a", "b"] * 32, "buy": [0, 1] * 32})
    features = {"city": {"kind": "sparse"}}
    text = yaml.safe_dump(values(train, features, TASKS))
    write(tmp_path, dataset(text))
    seed = "seed='${oc.decode:${oc.env:API_TOKEN}}'"
    completed = mtl_train(tmp_path, *CHECK, seed, "hydra.run.dir=run", **TOKEN)
    assert completed.returncode == 0, completed.stderr
    for path in (tmp_path / "run").iterdir():
        assert TOKEN["API_TOKEN"] not in path.read_text(), path.name
    rerun = ["--config-path", f"{tmp_path}/run", "--config-name", "config"]
    completed = mtl_train(tmp_path, *rerun, **TOKEN)
    assert completed.returncode == 0, completed.stderr


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--cfg", "all"], ["--help"]])
def test_shown_configuration_names_the_secret_only(flags, tmp_path):
    settings = ["+other=x-${oc.env:API_TOKEN}", "+late='${now:${oc.env:API_TOKEN}}'"]
    completed = mtl_train(tmp_path, *settings, *flags, "--resolve", **TOKEN)
    assert completed.returncode == 0, completed.stderr
    assert "other: x-${oc.env:API_TOKEN}" in completed.stdout
    assert "seed: 1" in completed.stdout
    assert TOKEN["API_TOKEN"] not in completed.stdout + completed.stderr


URL = "http://ann:hunter2hunter@127.0.0.1:{port}/train.csv?sig=abcdefgh&page=1"


@pytest.fixture(scope="module")
def web():
    """The port of a server of one CSV file, on this machine."""
    content = "city,buy\n" + "a,0\nb,1\n" * 32

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content.encode())

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("sweep", slow_except([False], [False, True]))
def test_password_of_a_typed_url_is_in_no_file(sweep, web, tmp_path):
    features = {"city": {"kind": "sparse"}}
    text = yaml.safe_dump(values("x.csv", features, TASKS) | {"format": "csv"})
    write(tmp_path, dataset(text))
    url = URL.format(port=web)
    settings = [*CHECK, f"dataset.train='{url}'", f"dataset.test='{url}'"]
    more = ["hydra.run.dir=outputs/run"]
    if sweep:
        more = ["-m", "seed=1,2", f"+dataset.valid={url!r},null"]
    completed = mtl_train(tmp_path, *settings, *more, MTL_CACHE="")
    for text in (completed.stdout, completed.stderr):
        assert "hunter2" not in text and "abcdefgh" not in text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    for path in files:
        assert b"hunter2" not in path.read_bytes(), path
        assert b"abcdefgh" not in path.read_bytes(), path
        assert "hunter2" not in str(path)
    configs = list((tmp_path / "outputs").rglob("config.yaml"))
    assert configs and all("page=1" in path.read_text() for path in configs)


def test_other_ways_to_write_a_secret_are_masked(monkeypatch):
    monkeypatch.setenv("PIN_TOKEN", "12345678")
    monkeypatch.setenv("LIST_TOKEN", "abcdef,ghijkl")
    monkeypatch.setenv("SHORT_TOKEN", "abc,defghi")
    track_secrets()
    values = OmegaConf.create(
        {
            "pin": "${oc.decode:${oc.env:PIN_TOKEN}}",
            "list": "${oc.decode:'[${oc.env:LIST_TOKEN}]'}",
            "short": "${oc.decode:'[${oc.env:SHORT_TOKEN}]'}",
        }
    )
    assert values.pin == 12345678
    assert secrets.mask_secrets(float(values.pin)) == (
        "${oc.decode:${oc.env:PIN_TOKEN}}"
    )
    assert "ghijkl" not in secrets.mask_secrets(f"unknown {values.list[1]}")
    with pytest.raises(InterpolationResolutionError, match="cannot be kept secret"):
        _ = values.short


@pytest.mark.slow
def test_secret_in_a_name_that_a_tracker_stores_is_refused(tmp_path):
    settings = ["tracker=mlflow", "tracker.experiment='${oc.env:API_TOKEN}'"]
    completed = mtl_train(tmp_path, *settings, "check_only=true", **TOKEN)
    assert completed.returncode == 2
    assert "tracker.experiment: mlflow would store the value of" in completed.stderr
    assert TOKEN["API_TOKEN"] not in completed.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_secret_of_a_tracker_may_stand_in_its_address_alone(monkeypatch):
    monkeypatch.setattr(secrets, "_references", {"4815162": "${oc.env:API_TOKEN}"})
    server = "https://me:4815162@127.0.0.1:1"
    MLflow(name="mlflow", uri=server, experiment="x").check_secrets()
    check_local_store(server)
    for uri in ("sqlite:///4815162.db", "runs-4815162", "file:runs/4815162"):
        with pytest.raises(
            ConfigError, match="the name of a file would show the value"
        ):
            check_local_store(uri)
    for tracker in (
        MLflow(name="mlflow", uri=None, experiment="x-4815162"),
        WandB(name="wandb", project="4815162", mode="offline"),
    ):
        with pytest.raises(ConfigError, match=r"store the value of \$\{oc.env:API_T"):
            tracker.check_secrets()


TEXT = "${oc.env:API_TOKEN}"  # a text, written with a backslash; no reference


def test_job_of_a_sweep_does_not_resolve_a_text_again(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "4815162")
    record = JobRecord("0", "job", [])
    job = Job(record, {"x": [TEXT]}, {}, Path("sweep"), 0, {}, [])
    assert OmegaConf.to_container(job.composed, resolve=True) == {"x": [TEXT]}


def test_saved_configuration_keeps_a_text_that_looks_like_a_reference(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "4815162")
    csv = {"null_values": [f"\\{TEXT}"]}
    keys = {"dataset": {"name": "mine", "csv": csv}, "model": {"name": "ple"}}
    again = OmegaConf.create(saved_config(OmegaConf.create(keys), {}))
    assert list(again.dataset.csv.null_values) == [TEXT]


def test_secret_in_a_label_is_masked_in_pages_and_plots(monkeypatch):
    monkeypatch.setattr(secrets, "_references", {"4815162": TEXT})
    assert "4815162" not in run_page("class 4815162")
    assert plain("4815162 and more", 10) == f"{TEXT[:9]}…".replace("$", r"\$")


def test_secret_in_the_name_of_an_option_is_masked_in_the_saved_configuration(
    monkeypatch,
):
    monkeypatch.setattr(secrets, "_references", {"4815162": TEXT})
    keys = {"dataset": {"name": "mine"}, "model": {"name": "ple"}}
    saved = saved_config(OmegaConf.create(keys), {"model": "x4815162"})
    assert "4815162" not in saved and f"mine-x{TEXT}-" in saved
