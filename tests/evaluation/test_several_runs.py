"""Several runs that are evaluated on one table: their names, and where they go."""

from pathlib import Path

import pytest

from mtl_cli.cli.evaluate_arguments import split_paths
from mtl_cli.core.errors import ConfigError
from mtl_cli.evaluation.several_runs import default_target, is_sweep, runs_by_name


def write_runs(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "status.json").write_text("{}")


def test_sweep_is_a_folder_with_runs_below_that_is_not_a_run_itself(
    tmp_path: Path,
) -> None:
    sweep, run, empty = (tmp_path / name for name in ("sweep", "sweep/run", "empty"))
    (run / "model").mkdir(parents=True)
    empty.mkdir()
    (run / "status.json").write_text("{}")
    answers = [is_sweep(path) for path in (sweep, run, empty, run / "status.json")]
    assert answers == [True, False, False, False]
    (sweep / "status.json").write_text("{}")
    assert not is_sweep(sweep)


def test_arguments_are_runs_up_to_the_first_that_holds_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_runs(tmp_path, "old", "sweep/1", "new")
    (tmp_path / "days").mkdir()
    runs, table = split_paths(["old", "sweep", "days", "new"])
    assert runs == [Path("old"), Path("sweep")]
    assert table == ["days", "new"]
    assert split_paths(["lost", "days"]) == ([Path("lost")], ["days"])
    assert split_paths(["old", "s3://bucket/may.csv"])[1] == ["s3://bucket/may.csv"]


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["sweeps/first"], ["1", "2"]),
        (["nights/2", "nights/10", "nights/2"], ["2", "10"]),
        (["nights/2", "sweeps"], ["nights/2", "sweeps/first/1", "sweeps/first/2"]),
        (["nights/../nights/2", "sweeps/first/1"], ["nights/2", "sweeps/first/1"]),
    ],
)
def test_runs_are_named_below_the_folder_that_they_have_in_common(
    folders: list[str],
    names: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_runs(tmp_path, "nights/2", "nights/10", "sweeps/first/1", "sweeps/first/2")
    assert [*runs_by_name([Path(folder) for folder in folders])] == names


def test_default_folder_is_named_after_sweep_and_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_runs(tmp_path, "nights/1", "nights/2")
    sweep = [Path("sweeps/first")]
    target = default_target(sweep, "https://h/may.parquet?token=hidden")
    assert target == Path("outputs/evaluations/first-may")
    target = default_target(sweep, ["days/1.csv", "days/2.csv"])
    assert target == Path("outputs/evaluations/first-1")
    target = default_target([Path("nights/1"), Path("nights/2")], "may.csv")
    assert target == Path("outputs/evaluations/nights-may")


def test_default_folder_behind_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "start"
    start.mkdir()
    (start / "outputs").symlink_to(tmp_path)
    monkeypatch.chdir(start)
    with pytest.raises(ConfigError, match="leads out of the current folder"):
        default_target([Path("sweeps/first")], "may.csv")
