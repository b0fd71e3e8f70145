"""`mtl-compare` where runs, scores or its own output are not as they should be."""

import errno
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from helpers.planted_runs import auc, compared, write_run, write_sweep
from rich.console import Console

from mtl_cli.cli.compare import arguments, compare, main
from mtl_cli.comparison.compare_datasets import Question, compare_datasets
from mtl_cli.comparison.find_runs import read_runs
from mtl_cli.comparison.leaderboard import write_leaderboard
from mtl_cli.comparison.terminal import print_tables
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.run_status import hashes_of_run
from mtl_cli.runs.job_records import JobRecord

MEANS = {"shared_bottom": 0.80, "ple": 0.82}
HUGE = int("1" * 400)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweep", MEANS)


def of(comparison: dict, name: str) -> dict:
    """A configuration's scores of click."""
    (one,) = (one for one in comparison["configurations"] if one["name"] == name)
    return one["tasks"]["click"]


def command(
    *command_line: object, stdout: object, **env: str
) -> subprocess.CompletedProcess:
    """Runs `mtl-compare` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mtl_cli.cli.compare", *map(str, command_line)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | env,
        check=False,
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("status.json", "{}"),
        ("status.json", '{"status": "lost"}'),
        ("status.json", '{"status": "done", "seconds": NaN}'),
        ("status.json", '{"status": "done", "seconds": 1e300}'),
        ("config.yaml", "a: !!bool abc"),
        ("config.yaml", "a: !!int ''"),
        ("config.yaml", "a: !!timestamp abc"),
        ("metrics.json", f'{{"test": {{"click": {{"auc": {HUGE}}}}}}}'),
        ("metrics.json", '{"test": {"click": {"auc": 1.7e308}}}'),
        ("metrics.json", '{"test": {"click": {"auc": NaN}}}'),
        ("metrics.json", '{"test": {"click": {"auc": true}}}'),
        ("metrics.json", '{"test": {"click": {"auc": -3}}}'),
        ("metrics.json", '{"test": {"click": {"auc": 1.5}}}'),
        ("metrics.json", '{"test": {"click": {"auc": 0.8, "log_loss": 1e99}}}'),
        ("metrics.json", '{"test": {"click": {"auc": 0.8, "ece": 7}}}'),
        ("metrics.json", '{"test": {"click": {"auc": 0.8, "rows": -5}}}'),
        ("metrics.json", '{"test": {"click": {"rows": 5, "positives": 6}}}'),
        ("metrics.json", '{"test": {"\\ud800": {"auc": 0.5}}}'),
        ("metrics.json", '{"test": {"\\u001b[31m": {"auc": 0.5}}}'),
    ],
)
def test_damaged_run_is_left_out_with_a_warning(
    file: str, text: str, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sweep / "4" / file).write_text(text)
    warned = compared(capsys, sweep)["warnings"]
    assert f"these runs are left out: {sweep}/4 ({file} is damaged)" in warned


def test_file_of_another_run_is_named(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((sweep / "4" / "status.json").read_text())
    record["files"] = hashes_of_run(sweep / "4")
    (sweep / "4" / "status.json").write_text(json.dumps(record))
    said = "these files have changed since their run ended, or belong to another run"
    assert said not in str(compared(capsys, sweep)["warnings"])
    for name in ("config.yaml", "metrics.json"):
        shutil.copy(sweep / "0" / name, sweep / "4" / name)
    files = f"{sweep}/4/config.yaml, {sweep}/4/metrics.json"
    assert f"{said}: {files}" in compared(capsys, sweep)["warnings"]


def test_damaged_number_of_weights_is_not_in_the_leaderboard(sweep: Path) -> None:
    (sweep / "0" / "environment.json").write_text('{"parameters": "many"}')
    board = write_leaderboard(sweep).read_text()
    assert "environment.json is damaged" in board and "many" not in board


def test_predictions_of_text_are_damaged(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {"row": [0, 1], "click": [0, 1], "click_prediction": ["a", "b"]}
    for one in range(6):
        path = sweep / str(one) / "predictions.parquet"
        pyarrow.parquet.write_table(pa.table(columns), path)
    warned = compared(capsys, sweep)["warnings"]
    assert any("a predictions.parquet is damaged" in line for line in warned)


def test_warnings_tell_a_killed_run_from_a_running_run(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for seed, pid in ((4, os.getpid()), (5, ended.pid)):
        path = write_run(sweep / f"2{seed}", "ple", seed, None, status="running")
        record = json.loads((path / "status.json").read_text())
        record |= {"pid": pid, "host": socket.gethostname()}
        (path / "status.json").write_text(json.dumps(record))
    warned = compared(capsys, sweep)["warnings"]
    assert (
        "these runs have no scores: ple seed 4 (still running), "
        "ple seed 5 (killed; the same command resumes it)"
    ) in warned


def test_run_that_only_checked_its_data_has_no_scores(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_run(sweep / "24", "ple", 4, None)
    with (path / "config.yaml").open("a") as config:
        config.write("check_only: true\n")
    warned = compared(capsys, sweep)["warnings"]
    message = "these runs have no scores: ple seed 4 (done, but without metrics)"
    assert message in warned


def test_running_run_without_a_process_id_has_a_damaged_status(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_run(sweep / "24", "ple", 4, None, status="running")
    record = {"status": "running", "host": socket.gethostname()}
    (path / "status.json").write_text(json.dumps(record))
    warned = compared(capsys, sweep)["warnings"]
    assert f"these runs are left out: {path} (status.json is damaged)" in warned


def test_job_that_failed_before_it_had_a_folder_is_named(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, status in enumerate(["done", "failed", "interrupted", "running"]):
        job = JobRecord(
            str(number), f"job{number}", [], status, error="seed: should be"
        )
        job.write(sweep)
    (sweep / "job2").mkdir()
    (line,) = (x for x in compared(capsys, sweep)["warnings"] if "left out" in x)
    assert line == "these runs are left out: " + ", ".join(
        f"{sweep}/job{i} (never began: seed: should be)" for i in (1, 2)
    )
    (sweep / ".jobs" / "1.json").write_text("[]")
    assert not any("left out" in x for x in compared(capsys, sweep)["warnings"])


def test_job_that_never_began_is_named_once_if_its_sweep_is_given_twice(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    JobRecord("1", "lost", [], "failed", error="seed: should be").write(sweep)
    (sweep.parent / "link").symlink_to(sweep)
    paths = [sweep, sweep.parent, sweep / "..", sweep.parent / "link"]
    (line,) = (x for x in compared(capsys, *paths)["warnings"] if "left out" in x)
    assert (
        line == f"these runs are left out: {sweep}/lost (never began: seed: should be)"
    )


def test_sweep_in_which_no_job_began_says_why(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = sweep.parent / "lost"
    JobRecord("1", "a", [], "failed", error="seed: should be").write(lost)
    with pytest.raises(ConfigError, match=f"; {lost}/a never began: seed: should be$"):
        compare(arguments([str(lost)]))
    warned = compared(capsys, sweep.parent)["warnings"]
    reason = "(never began: seed: should be)"
    assert f"these runs are left out: {lost}/a {reason}" in warned


def test_warning_names_the_seed_with_an_undefined_metric(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sweep / "4" / "metrics.json"
    scores = json.loads(path.read_text())
    scores["test"]["click"] |= {"auc": None, "why": {"auc": "one class only"}}
    path.write_text(json.dumps(scores))
    comparison = compared(capsys, sweep)
    assert of(comparison, "ple")["seeds"] == 2
    message = "click: these seeds have no auc and are left out: ple seed 2 (one class"
    assert any(line.startswith(message) for line in comparison["warnings"])


def test_configuration_without_a_task_has_no_score_there(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2, 3):
        write_run(sweep / f"b{seed}", "mmoe", seed, {"test": {"buy": auc(0.7)}})
    comparison = compared(capsys, sweep)
    assert of(comparison, "mmoe")["to_baseline"]["verdict"] == "no score"
    assert not any("other rows" in line for line in comparison["warnings"])


def test_runs_scored_on_other_rows_change_no_verdict(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = of(compared(capsys, sweep), "ple")["to_baseline"]
    for seed in range(1, 8):
        scores = {"test": {"click": auc(0.5 + seed / 20, rows=999), "buy": auc(0.7)}}
        write_run(sweep / f"other{seed}", "cgc", seed, scores)
    after = of(compared(capsys, sweep), "ple")["to_baseline"]
    assert after["over_seeds"]["p"] == before["over_seeds"]["p"]
    assert after["over_seeds"]["half_interval"] > 0
    assert after["over_seeds"] | {"p_corrected": 0} == (
        before["over_seeds"] | {"p_corrected": 0}
    )


def test_single_task_model_is_not_the_default_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path / "s", {"single_task": 0.8, "mmoe": 0.8})
    assert compared(capsys, tmp_path)["baseline"] == "mmoe"


def test_empty_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="'' is not a folder"):
        compare(arguments([""]))


def test_check_that_names_a_run_without_scores_has_not_passed(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sweep / "5" / "metrics.json").write_text("{")
    command_line = [sweep / "4", sweep / "5", "--fail-if", "test.click.auc<0.1"]
    assert compare(arguments([*map(str, command_line)])) == 1
    assert f"{sweep}/5 cannot be checked: damaged" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [pytest.param([], marks=pytest.mark.slow), ["--json"]],
    ids=["table", "json"],
)
def test_check_holds_if_the_reader_of_stdout_has_gone(
    form: list[str], sweep: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        for limit, code in (("0.99", 1), ("0.01", 0)):
            condition = ["--fail-if", f"test.click.auc<{limit}"]
            ended = command(sweep, *form, *condition, stdout=closed)
            assert ended.returncode == code, ended.stderr
            assert ("error: --fail-if" in ended.stderr) is bool(code)
            assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_full_disk_ends_in_one_line(sweep: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = command(sweep, stdout=full)
    assert ended.returncode == 1
    message = "mtl-compare: error: cannot write to stdout: No space left on device\n"
    assert ended.stderr == message


@pytest.mark.slow
def test_output_in_ascii_replaces_other_characters(sweep: Path) -> None:
    ended = command(sweep, stdout=subprocess.PIPE, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "ple is better than shared_bottom" in " ".join(ended.stdout.split())


def test_unwritable_page_is_an_error_before_anything_is_printed(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"--html: the folder .* cannot be written"):
        compare(arguments([str(sweep), "--html", str(sweep / "no" / "x.html")]))
    assert capsys.readouterr().out == ""


def test_page_on_a_full_disk_is_a_failure_below_the_comparison(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    page = sweep / "page.html"
    assert main([str(sweep), "--html", str(page)]) == 1
    out, err = capsys.readouterr()
    assert "ple is better than shared_bottom" in " ".join(out.split())
    assert err == (
        f"mtl-compare: error: cannot write {page}: No space left on device; mend that, "
        "and run the command again\n"
    )
    assert not page.exists()


def test_no_number_is_cut_on_a_narrow_terminal(sweep: Path) -> None:
    (result,) = compare_datasets(read_runs([str(sweep)]), Question())
    texts = {}
    for width in (30, 300):
        console = Console(file=io.StringIO(), width=width, highlight=False)
        print_tables(result, console)
        texts[width] = console.file.getvalue()
    numbers = re.findall(r"[+-]?\d+\.\d+|±\d+\.\d+|better|baseline", texts[300])
    assert len(numbers) == 16
    assert all(texts[30].count(x) == texts[300].count(x) for x in numbers)
    assert texts[30].count("shared_bottom") == 2


def test_verdicts_beside_a_heading_of_wide_characters_are_not_cut(
    tmp_path: Path,
) -> None:
    for model in MEANS:
        for seed in (1, 2):
            write_run(
                tmp_path / f"{model}-{seed}",
                model,
                seed,
                {"test": {"点" * 20: auc(0.8)}},
            )
    (result,) = compare_datasets(read_runs([str(tmp_path)]), Question())
    console = Console(file=io.StringIO(), width=30, highlight=False)
    print_tables(result, console)
    assert "not real" in console.file.getvalue()
    assert "baseline" in console.file.getvalue()


def test_tasks_share_a_table_as_long_as_the_table_fits_the_terminal(
    sweep: Path,
) -> None:
    (result,) = compare_datasets(read_runs([str(sweep)]), Question())

    def printed(width: int) -> str:
        console = Console(file=io.StringIO(), width=width, highlight=False)
        print_tables(result, console)
        return str(console.file.getvalue())

    full_width = max(map(len, printed(300).splitlines()))
    for narrower, num_tables in ((0, 1), (1, 2)):
        assert printed(full_width - narrower).count("shared_bottom") == num_tables
