"""Days of lines: two models as they are, and two lines over the days of both."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.planted_runs import arguments, compare, compared, write_run
from scipy import stats

import mtl_cli
from mtl_cli.comparison import compare_datasets
from mtl_cli.comparison.day_tests import day_test
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.core.errors import ConfigError
from mtl_cli.metrics.auc import auc

ROWS = 2000


def write_day(
    folder: Path,
    model: str,
    day: int,
    noise: float,
    table: int,
    seed: int = 1,
    draw: int = 0,
    **settings: Any,
) -> float:
    """Writes the run of a line on a day, and returns its AUC.

    Args:
        folder: the folder of all lines.
        model: the name of the model, and of the line.
        day: the day of the training rows. The run of day 1 starts afresh.
        noise: how far the predictions are from the labels.
        table: the number of the table of test rows.
        seed: the seed of the run.
        draw: the seed of the predictions.
        settings: see `write_run`.
    """
    label = np.random.default_rng(table).integers(0, 2, ROWS)
    chance = np.random.default_rng([draw, table, day, len(model), seed])
    frame = pd.DataFrame({"row": np.arange(ROWS), "click": label})
    frame["click_prediction"] = label + noise * chance.normal(size=ROWS)
    columns = label.astype(float), frame["click_prediction"].to_numpy(), np.ones(ROWS)
    value = auc(*columns)
    score = {"auc": value, "rows": ROWS, "positives": int(label.sum())}
    path = folder / f"{model}-{seed}" / str(day)
    scores = {"test": {"click": score}}
    files = {"dataset__train": f"{day}.csv", "dataset__test": f"t{table}.csv"}
    write_run(
        path, model, seed, scores, data_hash=f"{day},{table}", **files, **settings
    )
    frame.to_parquet(path / "predictions.parquet", index=False)
    record = json.loads((path / "environment.json").read_text())
    record["config_hash"] = f"{model},{seed},{day}"
    if day > 1:
        record["start_from"] = {"config_hash": f"{model},{seed},{day - 1}"}
        config = yaml.safe_load((path / "config.yaml").read_text())
        config["start_from"] = {"run": f"days/{model}/{day - 1}"}
        (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "environment.json").write_text(json.dumps(record))
    return value


def to_baseline(found: dict[str, Any], model: str = "mmoe") -> dict[str, Any]:
    """The difference of a line to the baseline, on the task `click`."""
    (line,) = (c for c in found["configurations"] if c["name"] == model)
    difference: dict[str, Any] = line["tasks"]["click"]["to_baseline"]
    return difference


def test_days_of_one_line_are_compared_as_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, noise in enumerate((1.5, 1.0, 1.0, 2.2), 1):
        write_day(tmp_path, "mmoe", day, noise, table=9)
    found = compared(capsys, tmp_path)
    verdicts = [c["tasks"]["click"]["to_baseline"] for c in found["configurations"][1:]]
    words = [d["verdict"] for d in verdicts]
    assert words == ["ahead as trained", "ahead as trained", "behind as trained"]
    assert not any(d["real"] for d in verdicts)  # training again might not give it
    assert "seeds" not in " ".join(found["warnings"])
    assert "lines" not in found
    assert compare(arguments([str(tmp_path)])) == 0
    text = " ".join(capsys.readouterr().out.split())
    for relation in ("behind", "ahead of"):
        assert f"These are {relation} train=1.csv as trained, and would be" in text
    assert "Run them with seed=1,2,3" not in text
    assert "nothing is known about training them again" in text


def test_worse_leaves_out_a_scenario_with_too_few_rows_for_models_of_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, noise in ((1, 1.5), (2, 1.0)):
        write_day(tmp_path, "mmoe", day, noise, table=9)
        path = tmp_path / "mmoe-1" / str(day)
        frame = pd.read_parquet(path / "predictions.parquet")
        frame["scenario"] = np.where(frame["row"] < 8, "small", "large")
        frame.to_parquet(path / "predictions.parquet", index=False)
        scores = json.loads((path / "metrics.json").read_text())
        scores["test"]["click"]["scenarios"] = {
            name: {
                "auc": auc(
                    rows["click"].to_numpy("float64"),
                    rows["click_prediction"].to_numpy(),
                    np.ones(len(rows)),
                ),
                "rows": len(rows),
                "positives": int(rows["click"].sum()),
            }
            for name, rows in frame.groupby("scenario")
        }
        (path / "metrics.json").write_text(json.dumps(scores))
    found = compared(capsys, tmp_path)
    scenarios = found["configurations"][1]["tasks"]["click"]["scenarios"]
    verdicts = {name: scenarios[name]["to_baseline"]["verdict"] for name in scenarios}
    assert verdicts == {"large": "ahead as trained", "small": "too few rows"}
    assert "in scenario small, a class has fewer than 5" in " ".join(found["warnings"])
    assert compare(arguments([str(tmp_path), "--fail-if", "worse"])) == 0


def test_models_of_a_line_on_few_rows_are_not_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROWS", 8)
    for day in (1, 2):
        write_day(tmp_path, "mmoe", day, noise=1.5, table=9)
    assert compare(arguments([str(tmp_path)])) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "too few to tell whether train=2.csv start_from=days/mmoe/1 and" in text
    assert "there is no test over rows of" not in text


def test_days_beyond_the_limit_of_row_tests_are_not_tested_and_count_in_the_correction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl_cli.comparison.row_tests.MAX_CONFIGURATIONS", 2)
    for day, noise in enumerate((1.5, 1.3, 1.4, 1.45), 1):
        write_day(tmp_path, "mmoe", day, noise, table=9)
    found = compared(capsys, tmp_path)
    best, *others = (
        c["tasks"]["click"]["to_baseline"] for c in found["configurations"][1:]
    )
    p_value, corrected = (best["over_rows"][key] for key in ("p", "p_corrected"))
    assert corrected == pytest.approx(3 * p_value)
    assert [other["verdict"] for other in others] == ["not tested"] * 2
    sentences = " ".join(found["tasks"]["click"]["verdicts"])
    assert "because their test rows were not compared: train=3.csv" in sentences
    assert "seed" not in sentences
    assert "there is no test over rows of: train=3.csv" in found["warnings"][-1]
    message = "cannot be compared by test.click.auc.difference: not tested"
    assert compare(arguments([str(tmp_path), "--fail-if", "worse"])) == 1
    assert message in capsys.readouterr().err


def test_single_runs_that_no_run_goes_on_from_still_need_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_day(tmp_path, "shared_bottom", 1, 1.5, table=9)
    write_day(tmp_path, "mmoe", 1, 1.0, table=9)
    found = compared(capsys, tmp_path)
    assert to_baseline(found)["verdict"] == "too few seeds"
    assert "fewer than 3 seeds" in " ".join(found["warnings"])


def test_lines_with_seeds_are_tested_over_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        for day in (2, 3, 4):
            for model, noise in (("shared_bottom", 1.5), ("mmoe", 1.0)):
                write_day(tmp_path, model, day, noise, table=day, seed=seed)
    found = compared(capsys, tmp_path)
    assert "lines" not in found
    assert len(found["datasets"]) == 3
    for dataset in found["datasets"].values():
        assert "fewer than 3 seeds" in " ".join(dataset["warnings"])


def test_lines_on_rows_of_each_day_are_paired_by_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    differences = []
    for day in (1, 2, 3, 4, 5):
        hard = 1 + day % 3  # some days are harder than others, for both lines
        base = write_day(tmp_path, "shared_bottom", day, 1.2 * hard, table=day)
        mmoe = write_day(tmp_path, "mmoe", day, 1.0 * hard, table=day)
        differences.append(mmoe - base)
    lines = compared(capsys, tmp_path)["lines"]["shop"]
    found = to_baseline(lines)
    expected = stats.ttest_1samp(differences[1:], 0)  # day 1 starts both lines
    assert found["over_seeds"]["p"] == pytest.approx(expected.pvalue)
    assert found["paired_difference"] == pytest.approx(np.mean(differences[1:]))
    interval = expected.confidence_interval(0.95)
    assert found["paired_half_interval"] == pytest.approx(
        (interval.high - interval.low) / 2
    )
    assert (found["verdict"], found["real"]) == ("ahead as trained", False)
    assert found["over_rows"] is None
    (sentence,) = lines["tasks"]["click"]["verdicts"]
    assert sentence.startswith("mmoe is ahead of shared_bottom by 0.")
    assert "over 4 days: other days would give the same order (p" in sentence
    assert compare(arguments([str(tmp_path), "--md"])) == 0
    assert "lines of shop over days" in capsys.readouterr().out
    assert compare(arguments([str(tmp_path)])) == 0
    text = capsys.readouterr().out
    assert "2 lines of shop over days" in text
    # Of the single days, only the last has a table.
    assert text.count("─ data set shop") == 1
    assert "tables of 4 earlier days are in --json and --html" in text
    assert compare(arguments([str(tmp_path), "--fail-if", "worse"])) == 0
    worse = ["--baseline", "model=mmoe", "--fail-if", "worse"]
    capsys.readouterr()
    assert compare(arguments([str(tmp_path), *worse])) == 1
    (failure,) = capsys.readouterr().err.splitlines()
    assert "shared_bottom is behind mmoe: test.click.auc.difference = -0.0" in failure
    page = tmp_path / "page.html"
    assert compare(arguments([str(tmp_path), "--html", str(page)])) == 0
    assert sentence in page.read_text("utf-8")
    capsys.readouterr()
    comparison = mtl_cli.compare(tmp_path)
    (lines_of_shop,) = comparison.lines
    assert lines_of_shop.tasks[0].sentences == [sentence]
    assert "<h3>2 lines of shop over days</h3>" in comparison._repr_html_()


def test_only_the_latest_repetition_of_a_day_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (2, 3, 4):
        for model, noise in (("shared_bottom", 1.5), ("mmoe", 1.0)):
            write_day(tmp_path, model, day, noise, table=day)
    expected = to_baseline(compared(capsys, tmp_path)["lines"]["shop"])
    shutil.copytree(tmp_path / "mmoe-1" / "4", tmp_path / "a copy")
    assert to_baseline(compared(capsys, tmp_path)["lines"]["shop"]) == expected


def test_day_of_one_line_needs_no_requested_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (1, 2, 3, 4):
        epochs = 9 if day == 1 else 3
        write_day(tmp_path, "mmoe", day, noise=1.5, table=day, trainer__epochs=epochs)
        if day > 1:  # the challenger, whose name comes from its learning rate
            rate = {"optimizer__learning_rate": 0.0003}
            write_day(tmp_path, "mmoe", day, 1.0, table=day, seed=2, **rate)
    asked = [str(tmp_path), "--baseline", "learning_rate=0.001"]
    for check in ("worse", "test.click.auc.difference<0"):
        assert compare(arguments([*asked, "--fail-if", check])) == 0
    assert "unknown key" not in capsys.readouterr().out
    assert len(compared(capsys, *asked)["datasets"]) == 4
    for folder in (tmp_path, tmp_path / "mmoe-1"):
        with pytest.raises(ConfigError, match="--baseline: unknown key 'rate'"):
            compare(arguments([str(folder), "--baseline", "rate=0.001"]))


def test_line_that_is_compared_on_no_day_fails_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, day in (("mmoe", 1), ("mmoe", 2), ("shared_bottom", 2), ("cgc", 3)):
        write_day(tmp_path, model, day, noise=1.5, table=day)
    asked = ["--baseline", "model=mmoe", "--fail-if", "worse"]
    assert compare(arguments([str(tmp_path), *asked])) == 1
    *_, failure = capsys.readouterr().err.splitlines()
    assert "--fail-if: cgc " in failure
    assert failure.endswith("with the baseline: it is scored on other data")


def test_terminal_shows_all_tables_of_test_rows_on_which_days_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for table in (8, 9):
        for day in (1, 2, 3):
            write_day(tmp_path / str(table), "mmoe", day, noise=1.5, table=table)
    assert compare(arguments([str(tmp_path)])) == 0
    text = capsys.readouterr().out
    assert text.count("─ data set shop") == 2
    assert "earlier day" not in text


def test_terminal_shows_the_last_day_of_one_line_and_the_scores_of_its_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (1, 2, 3, 4):
        learning_rate = 0.01 if day > 2 else 0.001  # a new setting ends no line
        options = {"table": day, "optimizer__learning_rate": learning_rate}
        value = write_day(tmp_path, "mmoe", day, noise=1.5, **options)
    assert compare(arguments([str(tmp_path)])) == 0
    text = capsys.readouterr().out
    assert "tables of 3 earlier days are in --json and --html" in text
    assert text.count("─ data set shop") == 1
    assert "─ data set shop test=t4.csv" in text
    assert [text.count(f"\nmmoe {day}.csv: click auc") for day in (1, 2, 3, 4)] == [
        1
    ] * 4
    assert f"\nmmoe 4.csv: click auc {value:.4f}\n" in text
    assert "higher is better" not in text  # no heading without a sentence below


def test_terminal_tests_the_rows_of_the_last_day_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each earlier day took seconds, and the terminal shows none of them.
    for day in (2, 3, 4):
        for model, noise in (("shared_bottom", 1.5), ("mmoe", 1.0)):
            write_day(tmp_path, model, day, noise, table=day)
    tested_days: list[str] = []

    def add_row_tests(comparison: DatasetComparison) -> list[str]:
        tested_days.append(comparison.baseline.settings["dataset.train"])
        return []

    monkeypatch.setattr(compare_datasets, "add_row_tests", add_row_tests)
    days = {
        "--fail-if=worse": ["4.csv"],
        "--json": ["2.csv", "3.csv", "4.csv"],
        f"--html={tmp_path / 'page.html'}": ["2.csv", "3.csv", "4.csv"],
    }
    for option, expected in days.items():
        tested_days.clear()
        assert compare(arguments([str(tmp_path), option])) == 0
        assert sorted(tested_days) == expected
    capsys.readouterr()


def test_lines_on_the_same_rows_are_tested_over_rows_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (2, 3, 4, 5):
        for model, noise in (("shared_bottom", 1.005), ("mmoe", 1.0)):
            # The same draw on each day: the days agree, but on these rows only.
            write_day(tmp_path, model, 2, noise, table=9)
            written = tmp_path / f"{model}-1"
            (written / "2").rename(written / f"as{day}")
            config = yaml.safe_load((written / f"as{day}/config.yaml").read_text())
            config["dataset"]["train"] = f"{day}.csv"
            text = yaml.safe_dump(config)
            (written / f"as{day}/config.yaml").write_text(text)
    found = to_baseline(compared(capsys, tmp_path)["lines"]["shop"])
    assert found["over_seeds"]["p"] < 0.05 < found["over_rows"]["p"]
    assert found["verdict"] == "on these rows only"


def test_two_days_are_too_few(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (2, 3):
        for model, noise in (("shared_bottom", 1.5), ("mmoe", 1.0)):
            write_day(tmp_path, model, day, noise, table=day)
    write_day(tmp_path, "mmoe", 4, 1.0, table=4)
    lines = compared(capsys, tmp_path)["lines"]["shop"]
    assert to_baseline(lines)["verdict"] == "too few days"
    (sentence,) = lines["tasks"]["click"]["verdicts"]
    assert sentence.startswith("shared_bottom has too few days in common with mmoe (+")


def test_a_sweep_from_one_earlier_run_has_no_table_of_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, noise in (("shared_bottom", 1.5), ("mmoe", 1.0)):
        write_day(tmp_path, model, 2, noise, table=2)
    found = compared(capsys, tmp_path)
    assert "lines" not in found
    (difference,) = (
        d
        for c in found["configurations"]
        if (d := c["tasks"]["click"]["to_baseline"]) is not None
    )
    assert (difference["verdict"], difference["real"]) == ("ahead as trained", False)


def test_days_that_share_some_rows_count_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day, table in ((2, 8), (3, 8), (4, 8), (5, 9)):
        for model, noise in (("shared_bottom", 1.5), ("mmoe", 1.0)):
            write_day(tmp_path, model, day, noise, table=table)
    found = to_baseline(compared(capsys, tmp_path)["lines"]["shop"])
    assert (found["paired_seeds"], found["verdict"]) == (2, "too few days")


def test_a_day_on_other_rows_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (2, 3, 4, 5):
        write_day(tmp_path, "shared_bottom", day, 1.5, table=day)
        write_day(tmp_path, "mmoe", day, 1.0, table=day if day < 5 else 50)
    found = to_baseline(compared(capsys, tmp_path)["lines"]["shop"])
    assert found["paired_seeds"] == 3


@pytest.mark.parametrize("days", [3, 5, 10])
def test_lines_that_are_equal_in_the_long_run_are_called_different_in_5_percent(
    days: int,
) -> None:
    # Each day is as hard for one line as for the other. Two standard errors of a share
    # of 0.05 in 4,000 are 0.007.
    rng = np.random.default_rng(days)
    hard = rng.normal(scale=10, size=(4000, days))
    first, second = hard + rng.normal(size=(2, 4000, days))
    found = [day_test(values).p_value < 0.05 for values in first - second]
    assert 0.043 < np.mean(found) < 0.057
