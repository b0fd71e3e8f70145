"""Which folders are sweeps."""

from pathlib import Path

from mtl_cli.evaluation.sweep import is_sweep


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
