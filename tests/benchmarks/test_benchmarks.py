"""The script that the benchmarks run for our side."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mtl_cli.core.paths import resources_folder

OURS = resources_folder() / "benchmarks" / "ours.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (["experiment=source/adult_shared_bottom"], 32_561),
        (["--synthetic", "5000", "1000", "trainer.patience=null"], 5_000),
    ],
    ids=["adult", "synthetic"],
)
def test_our_side_of_the_benchmarks_trains_and_prints_one_line(
    arguments: list[str], rows: int, tmp_path: Path
) -> None:
    told = subprocess.run(
        [sys.executable, str(OURS), *arguments, "trainer.epochs=1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    line = json.loads(told.stdout)
    assert line["rows"] == rows
    assert len(line["samples_per_second"]) == 1
    assert ("income" in line["auc"]) == (rows == 32_561)
