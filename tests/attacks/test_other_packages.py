"""Packages of others do not act on files that lie in the start folder or a sweep's.

Matplotlib, submitit, Optuna, MLflow and W&B read files that can execute code, name
another server, or lead out of the folder.
"""

import contextlib
import os
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from omegaconf import DictConfig, OmegaConf

from mtl_cli.core import secrets
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.sweep import cmaes_state, optuna_search, plan, plugin_settings
from mtl_cli.sweep.plugin_settings import SUBMITIT, adapt_plugins
from mtl_cli.trackers import _mlflow_store, wandb

if TYPE_CHECKING:  # its import warns
    import optuna


class Canary:
    """An object whose pickle makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.slow
def test_matplotlib_does_not_read_the_settings_of_the_start_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    code = (
        "import mtl_cli.pages.figures, matplotlib, os\n"
        "print(matplotlib.rcParams['text.usetex'], os.getcwd())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.stdout.split() == ["False", str(tmp_path)], ended.stderr


def quadratic(trial: "optuna.Trial") -> float:
    return sum(trial.suggest_float(name, -3, 3) ** 2 for name in "xy")


def generation_of(study: "optuna.Study") -> int:
    """Returns the generation of the last trial of a CMA-ES search; the first is 0."""
    return study.trials[-1].system_attrs["cma:generation"]


@pytest.fixture
def cmaes_study(monkeypatch: pytest.MonkeyPatch) -> "optuna.Study":
    import optuna

    # A generation has 6 trials. Trial 0 is drawn at random.
    monkeypatch.setattr(cmaes_state, "states_by_token", {})
    optuna_search.adapt_optuna()
    study = optuna.create_study(sampler=optuna.samplers.CmaEsSampler(seed=1))
    study.optimize(quadratic, 1 + 6 * 4)
    assert generation_of(study) == 3
    return study


@pytest.mark.filterwarnings("ignore")
def test_state_that_a_database_holds_is_not_loaded(
    cmaes_study: "optuna.Study", tmp_path: Path
) -> None:
    forged_trial = cmaes_study.trials[-1]
    forged = pickle.dumps(Canary(tmp_path / "canary")).hex()
    forged_trial.system_attrs = {"cma:optimizer:0": forged}
    cmaes_study.add_trial(forged_trial)
    cmaes_study.optimize(quadratic, 1)
    assert not (tmp_path / "canary").exists()
    assert generation_of(cmaes_study) == 4


@pytest.mark.filterwarnings("ignore")
def test_search_by_cmaes_is_told_its_earlier_trials_after_a_restart(
    cmaes_study: "optuna.Study",
) -> None:
    cmaes_state.states_by_token.clear()  # as in a new process
    generations = []
    for _ in range(6):
        cmaes_study.optimize(quadratic, 1)
        generations.append(generation_of(cmaes_study))
    # The trials of the generations 0 to 3 are told again, one generation per trial.
    assert generations == [1, 2, 3, 4, 4, 4]


@pytest.mark.filterwarnings("ignore")
def test_trials_of_a_batch_are_told_a_generation_each_after_a_restart(
    cmaes_study: "optuna.Study",
) -> None:
    cmaes_state.states_by_token.clear()  # as in a new process
    batch = [cmaes_study.ask() for _ in range(4)]
    for trial, value in [(trial, quadratic(trial)) for trial in batch]:
        cmaes_study.tell(trial, value)
    assert generation_of(cmaes_study) == 4


def test_submitit_writes_into_a_new_folder_at_each_start(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    folders = []
    for _ in range(2):
        config = OmegaConf.create(
            {
                "hydra": {
                    "sweep": {"dir": str(sweep)},
                    "sweeper": {"_target_": "x"},
                    "overrides": {"hydra": []},
                    "launcher": {
                        "_target_": f"{SUBMITIT}.submitit_launcher.LocalLauncher",
                        "submitit_folder": f"{sweep}/.submitit/%j",
                    },
                }
            }
        )
        adapt_plugins(config)
        folder, _, job = config.hydra.launcher.submitit_folder.rpartition("/")
        assert job == "%j"
        assert Path(folder).parent == sweep / ".submitit"
        assert Path(folder).stat().st_mode & 0o077 == 0
        folders.append(folder)
    assert len(set(folders)) == 2


def test_pickles_of_all_starts_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    sweep, elsewhere = tmp_path / "sweep", tmp_path / "elsewhere"
    (sweep / ".submitit" / "start-of-mine").mkdir(parents=True)
    elsewhere.mkdir(mode=0o700)
    (sweep / ".submitit" / "start-link").symlink_to(elsewhere)
    killed = plugin_settings.new_submitit_folder(sweep)
    folder = plugin_settings.new_submitit_folder(sweep)
    (folder / "7").mkdir()
    others = [folder / "7" / "7_log.out", elsewhere / "model.pkl"]
    others.append(sweep / ".submitit" / "start-of-mine" / "model.pkl")
    for path in (killed / "5ac1.pkl", folder / "7" / "7_submitted.pkl", *others):
        path.write_text("x")
    plugin_settings.remove_submitit_pickles(sweep)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == sorted(others)


def test_pickles_of_this_start_are_removed_whatever_modes_a_file_system_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_settings, "new_submitit_folders", set())
    killed = plugin_settings.new_submitit_folder(tmp_path)
    plugin_settings.new_submitit_folders.clear()
    folder = plugin_settings.new_submitit_folder(tmp_path)
    for path in (killed, folder):
        path.chmod(0o755)
        (path / "7.pkl").write_text("x")
    (folder / "folder.pkl").mkdir()
    (folder / "folder.pkl" / "8.pkl").write_text("x")
    (folder / "link.pkl").symlink_to(killed / "7.pkl")
    plugin_settings.remove_submitit_pickles(tmp_path)
    left = {path.name for path in folder.rglob("*")}
    assert left == {"folder.pkl", "link.pkl"}
    assert (killed / "7.pkl").exists()


def test_folder_of_pickles_that_has_become_a_link_is_not_followed(
    tmp_path: Path,
) -> None:
    sweep, elsewhere = tmp_path / "sweep", tmp_path / "elsewhere"
    sweep.mkdir()
    private = elsewhere / "start-of-mine"
    private.mkdir(mode=0o700, parents=True)
    (private / "model.pkl").write_text("x")
    (sweep / ".submitit").symlink_to(elsewhere)
    plugin_settings.remove_submitit_pickles(sweep)
    assert (private / "model.pkl").exists()


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////tmp/elsewhere/m.db",
        "sqlite:///../m.db",
        "sqlite+pysqlite:////tmp/elsewhere/m.db",
        "file:///tmp/elsewhere",
        "/tmp/elsewhere",
        "../elsewhere",
        "sqlite:///link/m.db",
        "sqlite:///linked.db",
        "sqlite:///a%2fb%2fc/../../m.db",  # SQLAlchemy does not decode the path
        "sqlite:///inner/../../m.db",  # SQLAlchemy removes `..` before it follows links
        "file:/tmp/elsewhere",
        "FILE:///tmp/elsewhere",
        "a:/../../elsewhere",
    ],
)
def test_store_outside_of_the_start_folder_is_refused(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "start"
    start.mkdir()
    (start / "link").symlink_to(tmp_path)
    (start / "linked.db").symlink_to(tmp_path / "elsewhere.db")
    (start / "deep" / "deeper").mkdir(parents=True)
    (start / "inner").symlink_to("deep/deeper")
    monkeypatch.chdir(start)
    with pytest.raises(ConfigError, match="leads out of the current folder"):
        _mlflow_store.check_local_store(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///mlflow.db",
        "mlruns",
        "http://host",
        "databricks://x",
        "sqlite:///a/b.db",
    ],
)
def test_store_in_the_start_folder_or_on_a_server_is_accepted(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _mlflow_store.check_local_store(uri)


@pytest.mark.parametrize(
    "name",
    [
        "/tmp/elsewhere/m.db",
        "%2Ftmp%2Felsewhere%2Fm.db",
        "/tmp/elsewhere/m.db#/../../../../proc/self/cwd/m.db",
    ],
)
def test_database_that_is_named_by_a_file_url_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="gives the database as a `file:` URL"):
        _mlflow_store.check_local_store(f"sqlite:///file:{name}?uri=true")


def test_artifacts_of_a_forged_store_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = _mlflow_store.store_folder("sqlite:///mlflow.db")
    assert store == tmp_path.resolve()
    places = ["/tmp/elsewhere/1", "file:///tmp/elsewhere/1", "../x", "./a:/../../x"]
    places += ["file:/tmp/elsewhere/1", "mlruns/%2e%2e/%2e%2e/x", "s3://bucket/1"]
    for artifacts in places:
        assert _mlflow_store.is_outside(artifacts, store)
    for artifacts in (f"{tmp_path}/mlruns/1", "mlruns/1", f"file://{tmp_path}/1"):
        assert not _mlflow_store.is_outside(artifacts, store)
    assert not _mlflow_store.is_outside("s3://bucket/1", store, may_be_remote=True)
    assert not _mlflow_store.is_outside("/data/artifacts", None)  # of a server


def test_wandb_sees_no_secret_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = ["mtl-train", "dataset.train=https://me:hidden-pw@host/x?signature=abcdef"]
    monkeypatch.setattr(sys, "argv", typed)
    with wandb.masked_arguments():
        assert sys.argv == [
            "mtl-train",
            "dataset.train=https://***@host/x?signature=***",
        ]
    assert sys.argv is typed


def test_parts_of_a_secret_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_references", {"First-Line\nsecond-line": "<X>"})
    assert secrets.mask_secrets("http://first-line\nsecond-line/") == "http://<X>/"
    assert first_line(ValueError("no host First-Line\nsecond-line")) == "no host <X>"
    assert secrets.mask_secrets("no host First-Line") == "no host <X>"


FORGERIES = [
    "update trial_params set distribution_json = 'null'",
    "update trial_params set param_value = 'x'",
    "update trials set state = 'EVIL'",
    "update study_directions set direction = 'x'",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_data_base_of_a_search_ends_in_one_line(
    forgery: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    from mtl_cli.sweep.search_measure import MEASURE_ATTRIBUTE
    from mtl_cli.sweep.search_storage import SWEEP_ATTRIBUTE

    monkeypatch.setattr(optuna_search, "current_storage", None)
    # The settings of a search are read by a Hydra that has started.
    monkeypatch.setattr(plan, "swept_settings", lambda config: [])
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = optuna.create_study(study_name="search", storage=url, direction="maximize")
    study.set_user_attr(MEASURE_ATTRIBUTE, {})
    trial = study.ask({"x": optuna.distributions.IntUniformDistribution(1, 3)})
    trial.set_system_attr(SWEEP_ATTRIBUTE, "")
    study.tell(trial, 0.5)

    def config() -> DictConfig:
        sweeper = {"_target_": f"{optuna_search.OPTUNA_SWEEPER}.x", "storage": url}
        sweeper |= {"study_name": "search", "direction": "maximize", "n_trials": 2}
        sweep = {"dir": str(tmp_path)}
        return OmegaConf.create(
            {"hydra": {"sweeper": sweeper | {"sampler": {"seed": 1}}, "sweep": sweep}}
        )

    assert not optuna_search.resume_search(config(), {})
    database = tmp_path / "optuna.db"
    with contextlib.closing(sqlite3.connect(database)) as base, base:
        base.execute(forgery)
    with pytest.raises(ConfigError, match="take a database that Optuna has made"):
        optuna_search.resume_search(config(), {})


@pytest.mark.slow
def test_onnx_runtime_makes_no_id_of_this_machine(tmp_path: Path) -> None:
    code = "from mtl_cli.exports.onnx import load_onnx_runtime; load_onnx_runtime()"
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=os.environ | home, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("place", ["", "7", "7/tags", "7/run/metrics", "7/run/tags"])
def test_link_in_a_folder_of_mlflow_is_refused(place: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    store = tmp_path / "store"
    for folder in ("7/tags", "7/run/metrics", "7/run/tags"):
        (store / folder).mkdir(parents=True)
    _mlflow_store.check_folder_store(store, "run")
    (store / place / "link").symlink_to(outside)
    with pytest.raises(UnsafeFileError, match="is a link"):
        _mlflow_store.check_folder_store(store, "run")


def test_hard_link_in_a_run_of_mlflow_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("precious")
    run = tmp_path / "store/7/run"
    (run / "metrics").mkdir(parents=True)
    (run / "metrics/final.test.click.auc").hardlink_to(tmp_path / "outside")
    _mlflow_store.check_folder_store(tmp_path / "store", None)
    with pytest.raises(UnsafeFileError, match="hard link"):
        _mlflow_store.check_folder_store(tmp_path / "store", "run")
    _mlflow_store.check_folder_store(tmp_path / "none", "run")
