"""The data report on the screen: at most a screen of features."""

from pathlib import Path
from typing import Any

import pytest

from mtl_cli.runs.console import Console


def report(num_features: int) -> Any:
    """Returns the report of a data set of numbers."""
    feature = {"kind": "dense", "distinct": 9, "missing": {}, "unseen": {}, "auc": {}}
    names = [f"feature_{i}" for i in range(num_features)]
    return {
        "splits": {"train": 10},
        "tasks": {},
        "features": dict.fromkeys(names, feature),
        "repeated_rows": {},
    }


@pytest.mark.parametrize(("features", "shown"), [(50, 50), (51, 50), (3000, 50)])
def test_many_features_fill_one_screen(
    features: int, shown: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(tmp_path / "train.log")
    console.print_data_report(report(features), [])
    console.close()
    out = capsys.readouterr().out
    assert out.count("feature_") == shown
    more = f"... and {features - shown:,} more features, in data_report.json of the run"
    assert (more in out) == (features > shown)
