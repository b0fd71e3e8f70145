"""One run as the processes of it execute it."""

import signal
import tempfile

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

import mtl_cli.config.check
import mtl_cli.runs.run
from mtl_cli.config.check import check
from mtl_cli.core.errors import ConfigError, LostWorkerError, TrainingError, WriteError
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.signals import Stopped
from mtl_cli.runs.execution import RunRequest, execute, execute_as_worker


def end_of_worker(folder, error, monkeypatch):
    """Returns what worker 3 of a run raises if its training raises an error."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(mtl_cli.runs.run, "run", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
    (folder / "temporary").mkdir(exist_ok=True)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config")
    request = RunRequest(composed, {}, [], folder / "run")
    with pytest.raises((Exception, KeyboardInterrupt)) as raised:
        execute_as_worker(check(composed), request, 3)
    return raised.value


def test_traceback_of_a_worker_is_in_the_run_folder_where_the_worker_sees_it(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text('{"status": "running"}')
    for error, said in {
        ZeroDivisionError("division by zero"): "ZeroDivisionError: division by zero",
        LostWorkerError("another process is lost"): "another process is lost",
    }.items():
        raised = end_of_worker(tmp_path, error, monkeypatch)
        assert isinstance(raised, TrainingError)
        assert str(raised) == (
            f"worker 3: {said}; the traceback is in run/worker-3.log"
        )
        log = (tmp_path / "run" / "worker-3.log").read_text()
        assert "raise error" in log and str(error) in log
    assert list((tmp_path / "temporary").iterdir()) == []


def test_worker_on_another_machine_makes_the_folder_for_its_traceback(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    raised = end_of_worker(tmp_path, OSError("no such thing"), monkeypatch)
    message = "worker 3: OSError: no such thing; the traceback is in run/worker-3.log"
    assert str(raised) == message
    assert "OSError: no such thing" in (tmp_path / "run" / "worker-3.log").read_text()


def test_error_of_a_worker_without_a_log_is_told(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise WriteError("cannot write status.json: No space left on device")

    monkeypatch.setattr(RunFolder, "begin", fail)
    raised = end_of_worker(tmp_path, None, monkeypatch)
    assert isinstance(raised, TrainingError)
    message = "worker 3: cannot write status.json: No space left on device"
    assert str(raised) == message


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [
        (Stopped(signal.SIGINT), False),
        pytest.param(BrokenPipeError(), False, marks=pytest.mark.slow),
        (ZeroDivisionError(), True),
    ],
)
def test_check_that_is_broken_off_leaves_no_folder(
    error, is_kept, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(mtl_cli.runs.run, "run", fail)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config", ["check_only=true"])
    (tmp_path / "run").mkdir()
    request = RunRequest(composed, {}, [], tmp_path / "run", is_named_by_time=True)
    with pytest.raises((Exception, KeyboardInterrupt)):
        execute(request)
    assert (tmp_path / "run").exists() == is_kept


def test_configuration_of_another_run_does_not_stay_in_a_resumed_run(
    tmp_path, monkeypatch
):
    def stop(*_, **__):
        raise Stopped(signal.SIGINT)

    monkeypatch.setattr(mtl_cli.runs.run, "run", stop)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config")
    request = RunRequest(composed, {}, [], tmp_path / "run")
    texts = []
    for _ in range(2):
        with pytest.raises(Stopped):
            execute(request)
        texts.append((tmp_path / "run" / "config.yaml").read_text())
        (tmp_path / "run" / "config.yaml").write_text("seed: 5")
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("my own\nbug"), "ValueError: my own"),
        (SystemExit(3), "something called sys.exit(3)"),
        (BaseException("odd"), "BaseException: odd"),
    ],
)
def test_unexpected_error_names_the_file_of_its_traceback(
    error, message, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(mtl_cli.runs.run, "run", fail)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config")
    with pytest.raises(TrainingError) as raised:
        execute(RunRequest(composed, {}, [], tmp_path / "run"))
    log = tmp_path / "run" / "train.log"
    assert str(raised.value) == f"{message}; the traceback is in {log}"
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("error", [Stopped(signal.SIGINT), ZeroDivisionError()])
def test_empty_folder_is_removed_if_the_check_of_the_configuration_ends(
    error, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(mtl_cli.config.check, "check", fail)
    (tmp_path / "run").mkdir()
    request = RunRequest(DictConfig({}), {}, [], tmp_path / "run")
    with pytest.raises(type(error)):
        execute(request)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ConfigError("wrong"), marks=pytest.mark.slow),
        Stopped(signal.SIGTERM),
    ],
)
def test_wrong_input_and_signals_of_a_worker_leave_no_log(error, tmp_path, monkeypatch):
    assert end_of_worker(tmp_path, error, monkeypatch) is error
    assert list((tmp_path / "temporary").iterdir()) == []
