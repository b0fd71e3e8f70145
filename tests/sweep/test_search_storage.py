"""Data bases of searches: shared by several sweeps, cut off, lost."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hydra import compose, initialize, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

optuna = pytest.importorskip("optuna", reason="extra hpo")

from hydra_plugins.hydra_optuna_sweeper._impl import OptunaSweeperImpl  # noqa: E402
from optuna.storages import _rdb  # noqa: E402
from optuna.storages._rdb.models import TrialSystemAttributeModel  # noqa: E402
from sqlalchemy.engine import make_url  # noqa: E402

from mtl_cli.config.monitor import monitored_metrics  # noqa: E402
from mtl_cli.core.errors import (  # noqa: E402
    CompleteGridError,
    ConfigError,
    CutOffJobError,
    JobError,
    StorageError,
)
from mtl_cli.core.paths import conf_folder  # noqa: E402
from mtl_cli.heads.base import Output  # noqa: E402
from mtl_cli.sweep import heartbeat, optuna_search, search_storage  # noqa: E402
from mtl_cli.sweep.check_search import (  # noqa: E402
    check_earlier_values,
    check_search,
    distribution_of,
)
from mtl_cli.sweep.grid_search import adapt_grid_sampler, limit_to_grid  # noqa: E402
from mtl_cli.sweep.heartbeat import Heartbeat  # noqa: E402
from mtl_cli.sweep.optuna_search import OPTUNA_SWEEPER, resume_search  # noqa: E402
from mtl_cli.sweep.plan import settings_by_key  # noqa: E402
from mtl_cli.sweep.search_database import (  # noqa: E402
    ID_FILE,
    name_of,
    open_storage,
    read_or_make_id,
)
from mtl_cli.sweep.search_measure import (  # noqa: E402
    check_measure,
    example_choices,
    measure_of_search,
)
from mtl_cli.sweep.search_storage import CUT_OFF_ATTRIBUTE, SearchStorage, sampler_seed  # noqa: E402
from mtl_cli.tasks.binary import Binary  # noqa: E402

ANOTHER_DATABASE = (
    "take a database that Optuna has made and that you may write to, or use a new "
    "database: change hydra.sweeper.storage, or hydra.sweep.dir if the database is in "
    "that folder"
)
SPACE = {"dropout": optuna.distributions.UniformDistribution(0.0, 0.5)}
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def study(folder: Path, name: str, sampler: Any = None) -> Any:
    """Opens the study of a folder as the sweep of a name."""
    storage = open_storage(f"sqlite:///{folder}/optuna.db", folder)
    storage.sweep_id = name
    return optuna.create_study(
        study_name="x", storage=storage, sampler=sampler, load_if_exists=True
    )


def test_trials_of_a_silent_sweep_are_tried_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "MAX_SILENCE_SECONDS", 0)
    silent, other = study(tmp_path, "silent"), study(tmp_path, "other")
    trial = silent.ask(SPACE)
    beating = Heartbeat(other)
    beating.beat()
    assert [t.state.name for t in other.trials] == ["RUNNING"]
    beating.beat()
    assert [t.state.name for t in other.trials] == ["FAIL", "WAITING"]
    again = other.ask(SPACE)
    assert again.params == trial.params
    assert again.system_attrs[search_storage.SWEEP_ATTRIBUTE] == "other"
    silent.tell(trial, 1.0)  # a sweep that was only asleep goes on
    assert [t.state.name for t in other.trials] == ["FAIL", "RUNNING"]


def test_trials_of_a_living_sweep_and_of_this_sweep_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "MAX_SILENCE_SECONDS", 0)
    one, two = study(tmp_path, "one"), study(tmp_path, "two")
    beating = [Heartbeat(one), Heartbeat(two)]
    for running in (one, two):
        running.ask(SPACE)
    for _ in range(3):
        for sweep in beating:
            sweep.beat()
    assert [t.state.name for t in one.trials] == ["RUNNING", "RUNNING"]


def test_waiting_trial_that_another_sweep_has_taken_is_left_alone(
    tmp_path: Path,
) -> None:
    one, two = study(tmp_path, "one"), study(tmp_path, "two")
    one.enqueue_trial({"dropout": 0.1})
    trial = one.ask(SPACE)  # runs, and has parameters
    running = optuna.trial.TrialState.RUNNING
    assert not two._storage.set_trial_state(trial._trial_id, running)


def test_trial_that_another_program_has_taken_gets_no_id(tmp_path: Path) -> None:
    search = study(tmp_path, "x")
    url = f"sqlite:///{tmp_path}/optuna.db"
    of_another_program = optuna.load_study(study_name="x", storage=url)
    of_another_program.enqueue_trial({"dropout": 0.1})
    trial = of_another_program.ask(SPACE)
    running = optuna.trial.TrialState.RUNNING
    assert not search._storage.set_trial_state(trial._trial_id, running)
    assert search_storage.SWEEP_ATTRIBUTE not in search.trials[0].system_attrs


class KilledError(BaseException):
    """Stands for a kill: the code after the call does not run."""


def kill(*_: object, **__: object) -> None:
    raise KilledError


def test_sweep_that_is_killed_while_it_takes_a_queued_trial_knows_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = study(tmp_path, "x")
    search.enqueue_trial({"dropout": 0.25})
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(SearchStorage, "refuse_parameters", kill)
        search.ask(SPACE)
    later = study(tmp_path, "x")
    sweeper = OmegaConf.create({"n_trials": 1, "sampler": {}})
    optuna_search.continue_study(sweeper, later)
    assert [trial.state.name for trial in later.trials] == ["FAIL", "WAITING"]
    assert later.ask(SPACE).params == {"dropout": 0.25}


@pytest.mark.parametrize("step", ["set_trial_state", "create_new_trial"])
def test_start_that_is_killed_while_it_resumes_loses_no_point(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = study(tmp_path, "x").ask(SPACE)  # is killed
    sweeper = OmegaConf.create({"n_trials": 1, "sampler": {}})
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(SearchStorage, step, kill)
        optuna_search.continue_study(sweeper, study(tmp_path, "x"))
    for _ in range(2):  # the second start finds the trial that the first one has queued
        later = study(tmp_path, "x")
        optuna_search.continue_study(sweeper, later)
        assert [t.state.name for t in later.trials] == ["FAIL", "WAITING"]
    assert later.ask(SPACE).params == trial.params


@pytest.mark.parametrize("step", ["set_trial_state", "create_new_trial"])
def test_sweep_that_is_killed_while_it_retries_trials_of_another_loses_no_point(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "MAX_SILENCE_SECONDS", 0)
    trial = study(tmp_path, "silent").ask(SPACE)
    beating = Heartbeat(study(tmp_path, "killed"))
    beating.beat()
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(SearchStorage, step, kill)
        beating.beat()
    later = study(tmp_path, "killed")
    beating = Heartbeat(later)
    for _ in range(2):
        beating.beat()
    assert [t.state.name for t in later.trials] == ["FAIL", "WAITING"]
    assert later.ask(SPACE).params == trial.params


def test_trial_that_two_sweeps_find_cut_off_is_queued_once(tmp_path: Path) -> None:
    one, two = study(tmp_path, "one"), study(tmp_path, "two")
    one.ask(SPACE)
    (trial,) = two.trials
    for search in (one, two):
        search_storage.queue_again(search, trial)
        search._storage.fail_as_cut_off(trial._trial_id)
    assert [t.state.name for t in study(tmp_path, "x").trials] == ["FAIL", "WAITING"]


def test_mark_that_another_sweep_writes_at_the_same_time_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = study(tmp_path, "one"), study(tmp_path, "two")
    trial = one.ask(SPACE)
    one._storage.set_trial_system_attr(trial._trial_id, CUT_OFF_ATTRIBUTE, True)
    # Both sweeps have looked for the mark before one of them has written it.
    monkeypatch.setattr(TrialSystemAttributeModel, "where_trial_id", lambda *_: [])
    two._storage.fail_as_cut_off(trial._trial_id)
    assert [t.state.name for t in two.trials] == ["RUNNING"]


@pytest.mark.parametrize("file", ["optuna.db", "a/optuna.db"])
def test_sweeps_with_one_file_tell_their_trials_apart(
    file: str, tmp_path: Path
) -> None:
    storages = []
    for name in "ab":
        (tmp_path / name).mkdir()
        storage = open_storage(f"sqlite:///{tmp_path / file}", tmp_path / name)
        search = optuna.create_study(
            study_name="x", storage=storage, load_if_exists=True
        )
        search.ask(SPACE)
        storages.append(storage)
    trials = search.trials
    assert [[s.is_own(t) for t in trials] for s in storages] == [
        [True, False],
        [False, True],
    ]


def test_trial_of_a_sweep_without_a_heartbeat_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "MAX_SILENCE_SECONDS", 0)
    study(tmp_path, "").ask(SPACE)
    beating = Heartbeat(study(tmp_path, "other"))
    for _ in range(2):
        beating.beat()
    assert [t.state.name for t in beating.study.trials] == ["RUNNING"]


def test_sweeps_and_restarts_draw_other_points() -> None:
    seeds = {sampler_seed(1, name, trials) for name in "ab" for trials in (0, 1)}
    assert len(seeds) == 4
    assert max(seeds) < 2**32
    assert sampler_seed(7, "", 0) == 7  # a search of one machine is repeatable


def test_name_of_a_sweep_is_kept_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert read_or_make_id(tmp_path / "a") == read_or_make_id(tmp_path / "a")
    assert read_or_make_id(tmp_path / "a") != read_or_make_id(tmp_path / "b")


def test_sweep_with_an_emptied_file_of_its_id_gets_a_new_id(tmp_path: Path) -> None:
    (tmp_path / ID_FILE).write_text("\n")
    new_id = read_or_make_id(tmp_path)
    assert new_id
    assert read_or_make_id(tmp_path) == new_id


def test_data_base_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/missing/optuna.db"
    with pytest.raises(StorageError) as raised:
        open_storage(url, tmp_path)
    message = f"hydra.sweeper.storage: no connection to sqlite:///{tmp_path}/missing"
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite://", "sqlite://"),
        ("sqlite:////data/a b.db", "sqlite:////data/a b.db"),
        ("postgresql://me:secret@host", "postgresql://host"),
        ("postgresql://me:secret@host:54/x?password=y", "postgresql://host:54/x"),
        ("postgresql://[::1]:54/x", "postgresql://[::1]:54/x"),
    ],
)
def test_messages_name_a_data_base_by_its_url_without_secrets(
    url: str, name: str
) -> None:
    assert name_of(make_url(url)) == name


def search_in(database: Path, **keys: Any) -> DictConfig:
    """Returns the configuration of a search with an SQLite database."""
    sweeper = {"_target_": f"{OPTUNA_SWEEPER}.x", "storage": f"sqlite:///{database}"}
    sweeper |= {"study_name": "search", "direction": "maximize"} | keys
    sweep = {"dir": str(database.parent)}
    return OmegaConf.create({"hydra": {"sweeper": sweeper, "sweep": sweep}})


def test_search_maximizes_whatever_the_default_of_the_plugin(tmp_path: Path) -> None:
    config = search_in(tmp_path / "optuna.db")
    config.hydra.sweeper.storage = None
    config.hydra.sweeper.direction = "minimize"
    assert not resume_search(config, {})
    assert config.hydra.sweeper.direction == "maximize"


def test_resumed_search_names_the_best_of_all_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna_search, "current_storage", None)
    monkeypatch.setattr(optuna_search, "resumed_study", None)
    config = search_in(tmp_path / "optuna.db", n_trials=2, sampler={})
    search = optuna_search.open_study(config)
    assert not optuna_search.continue_study(config.hydra.sweeper, search)
    assert optuna_search.best_trial_message([]) == ""
    space = {"++dataset.rate": optuna.distributions.UniformDistribution(0.0, 0.5)}
    search.enqueue_trial({"++dataset.rate": 0.25})
    search.tell(search.ask(space), -0.2)
    assert not optuna_search.continue_study(config.hydra.sweeper, search)
    search.tell(search.ask(space), -0.5)  # the trial of this start
    click = Output("click", "click", Binary(label="click"))
    buy = Output("buy", "buy", Binary(label="buy", metrics=["log_loss"]))
    for metrics, score in [
        # The objective of a metric for which lower is better is negated.
        (
            monitored_metrics("auto", [click]),
            "trainer.monitor (click ne, lower is better) 0.2000",
        ),
        (monitored_metrics("buy", [click, buy]), "buy log loss 0.2000"),
        ([], "the objective -0.2000"),
    ]:
        assert optuna_search.best_trial_message(metrics) == (
            "trials of earlier starts are not in the table but in leaderboard.csv; the "
            f"best of all trials has {score}: dataset.rate=0.25"
        )
    monkeypatch.setattr(optuna_search.resumed_study, "_storage", None)
    assert optuna_search.best_trial_message([]) == ""


def tell_failure(search: Any, trial: Any, error: Exception) -> None:
    """Marks a trial as failed as Hydra's sweeper does: while it handles an error."""
    try:
        raise error
    except type(error):
        search.tell(trial, state=optuna.trial.TrialState.FAIL)


def test_each_start_of_a_search_tries_trials_of_killed_jobs_again_once(
    tmp_path: Path,
) -> None:
    search = study(tmp_path, "x")
    sweeper = OmegaConf.create({"n_trials": 3, "sampler": {}})
    killed, wrong, done = (search.ask(SPACE) for _ in range(3))
    tell_failure(search, killed, CutOffJobError("killed"))
    tell_failure(search, wrong, JobError("wrong settings"))
    search.tell(done, 0.5)
    for _ in range(2):  # the second start finds the trial that the first one has queued
        optuna_search.continue_study(sweeper.copy(), search)
        states = [trial.state.name for trial in search.trials]
        assert states == ["FAIL", "FAIL", "COMPLETE", "WAITING"]
    retry = search.ask(SPACE)
    assert retry.params == killed.params
    other = search.ask(SPACE)
    assert other.params not in (killed.params, wrong.params)
    search.tell(other, 0.5)
    tell_failure(search, retry, CutOffJobError("killed again"))
    optuna_search.continue_study(sweeper, search)
    assert sweeper.n_trials == 1
    assert search.ask(SPACE).params == killed.params


def test_retry_that_ends_before_it_has_its_values_keeps_them(tmp_path: Path) -> None:
    search = study(tmp_path, "x")
    search.enqueue_trial({"dropout": 0.25})
    search.ask()  # the search ends before it asks for a value
    sweeper = OmegaConf.create({"n_trials": 1, "sampler": {}})
    optuna_search.continue_study(sweeper, search)
    assert search.ask(SPACE).params == {"dropout": 0.25}


@pytest.mark.parametrize("values", ["choice(0.1,0.2)", "interval(0.5,0.9)"])
def test_values_that_earlier_trials_do_not_fit_are_refused(
    values: str, tmp_path: Path
) -> None:
    search = study(tmp_path, "x")
    search.enqueue_trial({"dropout": 0.25})
    search.ask(SPACE)  # is killed
    with search_over("dropout=interval(0.2,0.3)") as config:
        check_earlier_values(config, search)
    with (
        search_over(f"dropout={values}") as config,
        pytest.raises(ConfigError) as raised,
    ):
        check_earlier_values(config, search)
    assert str(raised.value) == (
        f"dropout: earlier trials of the search do not fit the values {values}; give "
        "the earlier values again, or begin another search with "
        "hydra.sweeper.study_name=NAME"
    )


@pytest.mark.parametrize("value", ["[99]", [16], {}, None])
def test_queued_value_that_no_search_would_queue_is_refused(
    value: object, tmp_path: Path
) -> None:
    search = study(tmp_path, "x")
    search.enqueue_trial({"units": value})
    message = "units: earlier trials of the search do not fit"
    with (
        search_over("units=choice([16],[32])") as config,
        pytest.raises(ConfigError, match=message),
    ):
        check_earlier_values(config, search)


def num_points_to_try(search: Any) -> int:
    """Returns how many of the seeds 0, 1 and 2 a search over the grid would try."""
    sweeper = {"n_trials": 20, "params": {"seed": "choice(0,1,2)"}}
    hydra = {"sweeper": sweeper, "overrides": {"task": []}}
    config = OmegaConf.create({"hydra": hydra})
    with initialize(version_base="1.3", config_path=None):
        limit_to_grid(config, search)
    return int(config.hydra.sweeper.n_trials)


def test_grid_is_complete_when_each_point_was_tried_once(tmp_path: Path) -> None:
    adapt_grid_sampler()
    sampler = optuna.samplers.GridSampler({"seed": range(3)})
    one, two, three = (
        study(tmp_path, name, sampler) for name in ("one", "two", "three")
    )
    space = {"seed": optuna.distributions.CategoricalDistribution(range(3))}
    assert num_points_to_try(one) == 3
    tell_failure(one, one.ask(space), JobError("wrong settings"))
    two.ask(space)  # is still being tried
    assert num_points_to_try(one) == num_points_to_try(two) == 1
    last = one.ask(space)
    with pytest.raises(ConfigError, match="being tried or has failed, and none has"):
        num_points_to_try(two)
    with pytest.raises(CompleteGridError):  # at the next batch of a running sweep
        three.ask(space)
    one.tell(last, 0.5)
    assert num_points_to_try(one) == num_points_to_try(two) == 0


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ("range(0.0,0.2,0.1)", [0.0, 0.1, 0.2]),
        ("range(0,1,0.3)", [0.0, 0.3, 0.6, 0.9]),
        ("range(1,3)", [1, 2, 3]),
        ("range(1,6,2)", [1, 3, 5]),
        ("choice(4,2)", [2, 4]),
    ],
)
def test_grid_holds_both_ends_of_a_range(values: str, points: list[float]) -> None:
    (setting,) = OverridesParser.create().parse_overrides([f"seed={values}"])
    adapt_grid_sampler()
    sweeper = object.__new__(OptunaSweeperImpl)
    assert sweeper._to_grid_sampler_choices(distribution_of(setting)) == points


def test_grid_of_too_many_points_is_refused_before_its_list_is_made() -> None:
    sweeper = {
        "direction": "maximize",
        "n_trials": 1,
        "n_jobs": 1,
        "sampler": {"_target_": "optuna.samplers.GridSampler"},
    }
    with search_over("seed=range(0,2147483647)", "tasks=[a],[b]") as config:
        with read_write(config), open_dict(config):
            config.hydra.sweeper = sweeper
        with pytest.raises(ConfigError) as raised:
            check_search(config)
    assert str(raised.value) == (
        "hydra.sweeper.sampler: the grid has more than 100,000 points; give fewer "
        "values, or take another sampler"
    )


def test_search_over_a_grid_tries_each_point_although_a_job_was_killed(
    tmp_path: Path,
) -> None:
    search = study(tmp_path, "x")
    points = range(3)
    search.sampler = optuna.samplers.GridSampler({"seed": points})
    space = {"seed": optuna.distributions.CategoricalDistribution(points)}
    killed = search.ask(space)
    adapt_grid_sampler()  # Optuna would raise an error of its own at the last point
    for trial in (killed, search.ask(space), search.ask(space)):
        tell_failure(search, trial, CutOffJobError("killed"))
    sweeper = OmegaConf.create({"n_trials": 3, "sampler": {}})
    optuna_search.continue_study(sweeper, search)
    assert num_points_to_try(search) == 3
    retries = [search.ask(space) for _ in points]
    assert {trial.params["seed"] for trial in retries} == {*points}
    assert all(t.system_attrs["grid_id"] == t.params["seed"] for t in retries)


def test_study_takes_no_trials_of_another_measure(tmp_path: Path) -> None:
    search = study(tmp_path, "x")
    rows = {"dataset": "shop", "dataset.train": "shop.csv"}
    check_measure(search, rows | {"trainer.monitor": "buy"})
    measure = rows | {"trainer.monitor": "like", "metrics": "like.auc"}
    check_measure(search, measure)  # no trial has a score yet
    search.tell(search.ask(SPACE), 0.5)
    check_measure(search, measure)
    check_measure(search, {"new_key": "1"} | measure)
    other_rows = {"dataset": "adult", "dataset.train": "adult.csv"}
    for change in (
        {"trainer.monitor": "buy"},
        {"dataset.train": "b.csv"},
        {"metrics": "buy.auc"},
        other_rows,
    ):
        with pytest.raises(ConfigError) as raised:
            check_measure(search, measure | change)
        assert str(raised.value) == (
            f"hydra.sweeper.study_name: 'x' in sqlite:///{tmp_path}/optuna.db: the "
            f"values of {', '.join(change)} have changed, so new trials could not be "
            "compared with the earlier trials; undo the change, or begin another "
            "search with hydra.sweep.dir=FOLDER and hydra.sweeper.study_name=NAME"
        )


def test_study_with_trials_of_another_program_is_refused(tmp_path: Path) -> None:
    search = study(tmp_path, "x")
    url = f"sqlite:///{tmp_path}/optuna.db"
    of_another_program = optuna.load_study(study_name="x", storage=url)
    of_another_program.tell(of_another_program.ask(SPACE), 100)
    with pytest.raises(ConfigError, match="holds trials of another program, so new"):
        check_measure(search, {"dataset": "shop"})


@contextlib.contextmanager
def search_over(*settings: str) -> Iterator[DictConfig]:
    """Yields the configuration of a search with settings of the command line."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("config", return_hydra_config=True)
        with read_write(config), open_dict(config):
            config.hydra.overrides.task = list(settings)
        yield config


def measure(*settings: str) -> dict[str, str]:
    """Returns the measure of a search with settings of the command line."""
    with search_over(*settings) as config:
        return measure_of_search(config, settings_by_key(config))[0]


def test_study_takes_no_trials_of_other_rows_in_the_same_file(tmp_path: Path) -> None:
    rows = pq.read_table("data/adult/train.parquet", memory_map=False).slice(0, 20)
    file, search = tmp_path / "train.parquet", study(tmp_path, "x")
    pq.write_table(rows, file)
    setting = f"dataset.train={file}"
    check_measure(search, measure(setting))
    search.tell(search.ask(SPACE), 0.5)
    check_measure(search, measure(setting))
    pq.write_table(rows.slice(1), file)
    with pytest.raises(ConfigError) as raised:
        check_measure(search, measure(setting))
    assert "the values of data_hash have changed" in str(raised.value)
    with pytest.raises(ConfigError, match=r"the values of dataset\.train, data_hash "):
        check_measure(search, measure())


def test_measure_of_a_search_names_the_metrics_and_the_files() -> None:
    mean = measure("trainer.monitor=mean", "seed=${hydra:job.num}")
    assert mean["metrics"] == "income.auc, never_married.auc"
    losses = "++dataset.tasks.income.metrics=[log_loss,auc]"
    of_losses = measure("trainer.monitor=mean", losses)
    assert of_losses["metrics"] == "income.log_loss, never_married.auc"
    path = "data/adult/train.parquet"
    by_path = [measure(f"dataset.train={p}") for p in (path, Path(path).absolute())]
    assert by_path[0] == by_path[1]
    free = ["++dataset.tasks.income.weight=1,2", "tasks=[income],[never_married]"]
    assert measure(*free, "trainer.monitor=income")["metrics"] == "income.auc"


@pytest.mark.parametrize(
    "setting",
    [
        "trainer.monitor=income,never_married",
        "tasks=[income],[never_married]",
        "dataset.split_seed=1,2",
        "dataset.train=a.csv,b.csv",
        "dataset.tasks.income.metrics=[auc],[log_loss]",
        "dataset.tasks.income.positive='>50K','<=50K'",
    ],
)
def test_search_over_a_key_that_changes_its_measure_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError) as raised:
        measure("trainer.monitor=mean", "seed=${hydra:job.num}", setting)
    key, _, _ = setting.partition("=")
    assert str(raised.value) == (
        f"{key}: all trials of a search need the same metric on the same validation "
        "rows; give this key one value, or train a grid instead of a search"
    )


def test_search_over_a_key_that_the_split_follows_is_refused() -> None:
    for values in ("1,2", "range(1,3)"):
        with pytest.raises(ConfigError) as raised:
            measure(f"seed={values}", "dataset.split_seed=${seed}")
        message = "seed=2: differs from other trials in dataset.split_seed; all trials"
        assert str(raised.value).startswith(message)
    # The YAML of the data set may hold `split_seed: ${seed}`: no setting shows that.
    with search_over("seed=1,2") as config:
        choices = example_choices(settings_by_key(config))
        assert list(choices) == [["seed=1"], ["seed=2"]]


def test_search_over_options_that_change_its_measure_is_refused() -> None:
    group = "experiment=adatt/census_income_mmoe"
    own_rows = measure(f"{group},adatt/census_income_ple", "model.dropout=0,0.1")
    assert own_rows["dataset"] == "census_income"
    with pytest.raises(ConfigError) as raised:
        measure(f"{group},source/census_income_mmoe")
    assert str(raised.value).startswith(
        "experiment=source/census_income_mmoe: differs from other trials in dataset, "
    )


def test_search_over_heads_that_weigh_the_rows_otherwise_is_refused() -> None:
    # The sampling rate of a chain's first step weighs the rows of all its steps.
    rate = "dataset.tasks.click.sampling_rate"
    shop = ["dataset=funnel", "trainer.monitor=mean"]
    heads = "model.heads=independent,esmm,escm2"
    measure(*shop, heads)
    measure(*shop, f"++{rate}=0.5", "model.heads=esmm,escm2")
    with pytest.raises(ConfigError, match="heads=esmm: differs from other trials in m"):
        measure(*shop, f"++{rate}=0.5", heads)


def test_search_over_groups_of_its_metric_is_refused() -> None:
    groups = "dataset=funnel", "dataset.group_column=user,item"
    measure(*groups, "trainer.monitor=click.auc")
    with pytest.raises(ConfigError, match="group_column: all trials of a search need"):
        measure(*groups, "trainer.monitor=click.gauc")


def test_search_without_validation_rows_is_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        measure("dataset.valid_fraction=0", "trainer.patience=null")
    assert str(raised.value) == (
        "hydra/sweeper: a search compares its trials by validation rows; set "
        "dataset.valid_fraction above 0 or dataset.valid to a file, or train a grid "
        "instead of a search"
    )


def test_damaged_file_is_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    (tmp_path / "optuna.db").write_bytes(b"damaged" * 1000)
    with pytest.raises(ConfigError) as raised:
        resume_search(search_in(tmp_path / "optuna.db"), {})
    assert str(raised.value) == (
        f"hydra.sweeper.storage: sqlite:///{tmp_path}/optuna.db: file is not a "
        f"database; {ANOTHER_DATABASE}"
    )


@pytest.mark.parametrize(
    ("form", "change", "reason"),
    [
        (
            "{}",
            "ALTER TABLE trials RENAME number TO n",
            "no such column: trials.number",
        ),
        ("file:{}?mode=ro&uri=true", "VACUUM", "attempt to write a readonly database"),
    ],
)
def test_database_that_a_search_cannot_use_is_named(
    form: str, change: str, reason: str, tmp_path: Path
) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/optuna.db", tmp_path)
    optuna.create_study(study_name="search", storage=storage, direction="maximize")
    with contextlib.closing(sqlite3.connect(tmp_path / "optuna.db")) as database:
        database.execute(change)
    config = search_in(tmp_path / "optuna.db")
    url = f"sqlite:///{form.format(tmp_path / 'optuna.db')}"
    config.hydra.sweeper.storage = url
    with pytest.raises(ConfigError) as raised:
        resume_search(config, {})
    assert str(raised.value) == (
        f"hydra.sweeper.storage: {url}: {reason}; {ANOTHER_DATABASE}"
    )


@pytest.mark.slow
def test_locked_database_is_told_within_20_seconds(tmp_path: Path) -> None:
    start = time.monotonic()
    with contextlib.closing(sqlite3.connect(tmp_path / "optuna.db")) as connection:
        connection.execute("CREATE TABLE a (b)")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConfigError) as raised:
            resume_search(search_in(tmp_path / "optuna.db"), {})
    assert str(raised.value) == (
        f"hydra.sweeper.storage: sqlite:///{tmp_path}/optuna.db: database is locked; "
        f"{ANOTHER_DATABASE}"
    )
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    "url",
    [
        "secret@host/name",
        "nonsense://u:secret@host/name",
        "sqlite://u:p@secret:secret@host/name",
    ],
)
def test_wrong_url_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the URL of a database") as raised:
        open_storage(url, tmp_path)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("password", ["p@secret", "p@secret/x", "p@secret?x", "p/x@s"])
def test_url_whose_password_ends_before_its_last_at_is_refused(
    password: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        open_storage(f"sqlite://u:{password}@host/name", tmp_path)
    assert str(raised.value) == (
        "hydra.sweeper.storage: the URL holds more than one @; write each @ of the "
        "user name, the password and the name of the database as %40"
    )


def test_error_that_hides_a_lost_data_base_is_traced_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = SearchStorage(None, "name", "")
    monkeypatch.setattr(optuna_search, "current_storage", storage)
    with (
        pytest.raises(StorageError, match="lost; the same command resumes"),
        optuna_search.finish_jobs_if_storage_is_lost(),
    ):
        try:
            raise StorageError("lost")
        except StorageError:
            raise ValueError("Values were told.")  # noqa: B904
    with pytest.raises(StorageError, match="name: a record is missing; use a new"):  # noqa: SIM117
        with optuna_search.finish_jobs_if_storage_is_lost():
            raise KeyError(_rdb.models.NOT_FOUND_MSG)
    with pytest.raises(ValueError, match="of its own"):  # noqa: SIM117
        with optuna_search.finish_jobs_if_storage_is_lost():
            raise ValueError("of its own")
