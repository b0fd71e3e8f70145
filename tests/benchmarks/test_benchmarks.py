"""The script that the benchmarks run for our side, and the search for crosses."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize("is_binary", [True, False])
def test_combinations_that_explain_errors_have_a_high_score(is_binary: bool) -> None:
    path = OURS.with_name("crosses.py")
    specification = importlib.util.spec_from_file_location("crosses", path)
    assert specification is not None and specification.loader is not None
    crosses = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(crosses)

    random = np.random.default_rng(0)
    num_rows, size = 6_000, 20
    first, second, other = random.integers(0, size, (3, num_rows))
    values = random.normal(0, 1, (size, size))[first, second]
    values += random.normal(0, 1, size)[other] + random.normal(0, 1, num_rows)
    labels = (values > 0).astype("float64") if is_binary else values
    is_training = np.arange(num_rows) < 5_000
    rows = crosses.Rows(is_training, labels, np.zeros(num_rows), is_binary)

    assert crosses.score(rows, first, second, first * size + second) > 8
    # `other` has an effect of its own, which is no effect of combinations.
    assert abs(crosses.score(rows, first, other, first * size + other)) < 3
