"""`mtl-compare` on synthetic run folders with a planted truth."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.planted_runs import (
    auc,
    compared,
    write_history,
    write_predictions,
    write_run,
    write_sweep,
)
from sklearn.metrics import roc_auc_score

from mtl_cli.cli.compare import arguments, compare
from mtl_cli.comparison import find_runs
from mtl_cli.comparison.leaderboard import write_leaderboard
from mtl_cli.core import plugins
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import walk
from mtl_cli.statistics.significance import holm

MEANS = {"single_task": 0.80, "shared_bottom": 0.80, "ple": 0.82}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweep", MEANS)


def printed(capsys: pytest.CaptureFixture[str], *command_line: object) -> str:
    """Returns the text of the terminal on one line."""
    compare(arguments([str(each) for each in command_line]))
    return " ".join(capsys.readouterr().out.split())


def to_baseline(comparison: dict, name: str, task: str = "click") -> dict:
    (one,) = (c for c in comparison["configurations"] if c["name"].split()[0] == name)
    return one["tasks"][task]["to_baseline"]


def test_planted_gap_is_real_and_no_gap_is_not(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comparison = compared(capsys, sweep)
    assert comparison["baseline"] == "shared_bottom"
    assert to_baseline(comparison, "ple")["verdict"] == "better"
    assert to_baseline(comparison, "ple")["real"] is True
    assert to_baseline(comparison, "single_task")["verdict"] == "no real difference"
    assert comparison["tasks"]["click"]["best"] == "ple"
    assert comparison["tasks"]["click"]["best_chosen_on"] == "valid"
    (ple,) = (one for one in comparison["configurations"] if one["name"] == "ple")
    cell = ple["tasks"]["click"]
    assert cell["mean"] == pytest.approx(np.mean(list(cell["by_seed"].values())))
    assert ple["tasks"]["click"]["to_single_task"]["verdict"] == "better"


def test_comparison_of_some_tasks_repeats_their_part_of_the_comparison_of_all(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_all = compared(capsys, sweep)
    of_buy = compared(capsys, sweep, "--task", "buy")
    assert of_buy["tasks"] == {"buy": of_all["tasks"]["buy"]}
    for configuration, same in zip(
        of_buy["configurations"], of_all["configurations"], strict=True
    ):
        assert configuration["tasks"] == {"buy": same["tasks"]["buy"]}
    assert compared(capsys, sweep, "--task", "buy,click") == of_all
    text = printed(capsys, sweep, "--task", "buy")
    assert "buy: auc" in text and "click" not in text


@pytest.mark.parametrize(
    "difference", ["evaluated runs", "split", "file", "rows of the file", "nothing"]
)
def test_best_is_chosen_on_validation_rows_only_if_the_runs_share_them(
    difference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, (model, valid, test) in enumerate(
        [("shared_bottom", 0.9, 0.7), ("ple", 0.8, 0.75)]
    ):
        more: dict[str, Any] = {}
        counts: dict[str, Any] = {}
        if difference == "split":
            more["dataset__split_seed"] = i
        if difference == "file":
            more["dataset__valid"] = f"valid{i}.csv"
        if difference == "rows of the file":
            more["dataset__valid"] = "valid.csv"
            counts["rows"] = 1000 + i
        scores = {"valid": auc(valid, **counts), "test": auc(test)}
        by_task = {split: {"click": score} for split, score in scores.items()}
        folder = write_run(tmp_path / model, model, 1, by_task, **more)
        write_predictions(folder, [0, 1] * 20, [0.1 * i, 0.9] * 20)
        if difference == "evaluated runs":
            about = json.loads((folder / "environment.json").read_text())
            about["valid_rows"] = [f"d{i}", "random"]
            (folder / "environment.json").write_text(json.dumps(about))
    comparison = compared(capsys, tmp_path)
    said = [w for w in comparison["warnings"] if "different validation rows" in w]
    task = comparison["tasks"]["click"]
    if difference == "nothing":
        assert (task["best"], task["best_chosen_on"]) == ("shared_bottom", "valid")
        assert said == []
    else:
        assert task["best"].startswith("ple") and task["best_chosen_on"] == "test"
        (line,) = said
        assert line.endswith("is chosen on the test rows themselves: click")


def test_validation_rows_are_compared_if_no_run_has_test_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, value in (("shared_bottom", 0.7), ("ple", 0.8)):
        for seed in (1, 2):
            scores = {"valid": {"click": auc(value + 0.01 * seed)}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores)
    comparison = compared(capsys, tmp_path)
    assert comparison["split"] == "valid"
    assert comparison["warnings"].pop(0).startswith("no run of this data set has")
    assert compared(capsys, tmp_path, "--split", "valid") == comparison
    with pytest.raises(ConfigError, match="no run has scores of the split 'test'"):
        compare(arguments([str(tmp_path), "--split", "test"]))


def test_tasks_without_the_requested_metric_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, value in (("shared_bottom", 0.7), ("ple", 0.8)):
        scores = {"click": auc(value, log_loss=0.3), "watch": {"rmse": 2.0}}
        write_run(tmp_path / model, model, 1, {"test": scores})
    comparison = compared(capsys, tmp_path, "--metric", "log_loss")
    assert list(comparison["tasks"]) == ["click"]
    line = "these tasks have no log_loss and are left out: watch"
    assert line in comparison["warnings"]
    others = compared(capsys, tmp_path, "--metric", "log_loss", "--task", "click")
    assert line not in [*others["warnings"], *compared(capsys, tmp_path)["warnings"]]


def test_terminal_says_in_sentences_what_is_real(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = printed(capsys, sweep)
    assert "3 configurations, 9 runs, test rows; baseline shared_bottom" in output
    assert "No real difference to shared_bottom was found for single_task" in output
    assert "ple is better than shared_bottom by" in output
    assert "retraining would give the same order" in output
    assert "whether another test set would give it too is not known" in output
    assert "ple gains over its single-task twin" in output
    assert "ple is best on the validation rows, with test auc" in output


def write_seeds(folder: Path, values: dict[str, dict[int, float]]) -> None:
    """Writes runs by model and seed."""
    for model, by_seed in values.items():
        for seed, value in by_seed.items():
            scores = {"test": {"click": auc(value)}}
            write_run(folder / f"{model}{seed}", model, seed, scores)


@pytest.mark.parametrize(
    ("other", "shown", "limits"),
    [
        ({1: 0.852, 2: 0.858, 3: 0.851}, "0.054 ±0.007", ""),  # paired by seed
        # No seed in common: Student's.
        ({11: 0.852, 12: 0.858}, "0.049 ±0.017", " on 2 seeds"),
    ],
)
def test_table_and_verdict_show_one_difference_with_one_interval(
    other: dict[int, float],
    shown: str,
    limits: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = {1: 0.8, 2: 0.801, 3: 0.799, 4: 0.81, 5: 0.819}
    write_seeds(tmp_path, {"shared_bottom": base, "ple": other})
    output = printed(capsys, tmp_path)
    assert f"+{shown} better{limits}" in output
    assert f"ple is better than shared_bottom by {shown}{limits}: retraining" in output
    tested = to_baseline(compared(capsys, tmp_path), "ple")["over_seeds"]
    expected = float(shown.split()[0])
    assert tested["difference"] == pytest.approx(expected, abs=6e-4)


def test_better_on_two_seeds_says_so_and_that_other_configurations_decide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = {1: 0.800, 2: 0.806}
    values = {"shared_bottom": base, "ple": {1: 0.820, 2: 0.818}}
    for model in ("mmoe", "cgc", "omoe"):  # their noise is pooled with that of the two
        values[model] = {1: 0.800, 2: 0.804}
    write_seeds(tmp_path, values)
    output = printed(capsys, tmp_path)
    assert "+0.016 ±0.051 better on 2 seeds, pooled noise" in output
    assert "by 0.016 ±0.051 on 2 seeds, pooled noise: retraining may give" in output
    write_seeds(tmp_path, {"shared_bottom": {3: 0.801}, "ple": {3: 0.821}})
    assert "on 2 seeds" not in printed(capsys, tmp_path)


def test_lower_is_better_where_the_metric_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, base in (("shared_bottom", 0.5), ("ple", 0.4)):
        for seed in (1, 2, 3):
            scores = {"test": {"click": {"log_loss": base + seed / 1e4, "rows": 9}}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores)
    comparison = compared(capsys, tmp_path)
    assert to_baseline(comparison, "ple")["verdict"] == "better"
    assert comparison["tasks"]["click"]["best"] == "ple"
    assert "too good on average" in printed(capsys, tmp_path)


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        ([8], "Negative transfer: mmoe loses to its single-task twin (-"),
        ([9], " mmoe loses to single_task, which differs in more than sharing (-"),
    ],
)
def test_negative_transfer_is_flagged_if_the_models_differ_only_in_sharing(
    units: list[int], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, mean, keys in (
        ("single_task", 0.82, {"model__bottom_units": units}),
        ("mmoe", 0.80, {"model__expert_units": [8]}),
    ):
        for seed in (1, 2, 3):
            scores = {"test": {"click": auc(mean + seed / 1e4)}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores, **keys)
    output = printed(capsys, tmp_path, "--baseline", "model=mmoe")
    assert sentence in output
    assert ("Negative transfer" in output) == (units == [8])


def test_difference_to_a_twin_is_no_gain_if_the_metric_has_no_direction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, pcoc in (("shared_bottom", 0.7), ("single_task", 1.0), ("ple", 0.9)):
        for seed in (1, 2, 3):
            scores = {"test": {"click": {"pcoc": pcoc + seed / 1e4, "rows": 9}}}
            folder = tmp_path / f"{model}{seed}"
            write_run(folder, model, seed, scores, model__bottom_units=[8])
    output = printed(capsys, tmp_path)
    assert "ple differs from its single-task twin (-" in output
    assert "gains over" not in output


def test_differences_to_baseline_and_to_twins_are_corrected_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    means = {"single_task": 0.803, "shared_bottom": 0.8, "mmoe": 0.799, "ple": 0.801}
    write_sweep(tmp_path / "s", means)
    comparison = compared(capsys, tmp_path, "--baseline", "model=ple")
    p_values = {}
    for one in comparison["configurations"]:
        for to, other in (("to_baseline", "ple"), ("to_single_task", "single_task")):
            if difference := one["tasks"]["click"][to]:
                pair = frozenset((one["name"], other))
                test = difference["over_seeds"]
                p_values.setdefault(pair, set()).add(
                    (round(test["p"], 9), round(test["p_corrected"], 9))
                )
    # Single task against PLE is in both columns, and is one of five tests.
    assert len(p_values) == 5
    (pairs,) = zip(*p_values.values(), strict=True)
    p, corrected = zip(*pairs, strict=True)
    assert corrected == pytest.approx(holm(p), abs=1e-8)


def test_single_task_twin_equals_all_settings_outside_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        scores = {"test": {"click": auc(0.8 + seed / 1000)}}
        write_run(tmp_path / f"m{seed}", "mmoe", seed, scores)
        other = {"optimizer__learning_rate": 0.1}
        write_run(tmp_path / f"s{seed}", "single_task", seed, scores, **other)
    comparison = compared(capsys, tmp_path)
    for one in comparison["configurations"]:
        assert one["tasks"]["click"]["to_single_task"] is None
    for seed in (1, 2):
        scores = {"test": {"click": auc(0.7 + seed / 1000)}}
        write_run(tmp_path / f"t{seed}", "single_task", seed, scores)
    comparison = compared(capsys, tmp_path)
    (mmoe,) = (
        c for c in comparison["configurations"] if c["settings"]["model.name"] == "mmoe"
    )
    difference = mmoe["tasks"]["click"]["to_single_task"]["paired_difference"]
    assert difference == pytest.approx(0.1)


def test_single_task_twin_is_as_large_as_its_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each model has a twin of its own; the largest twin is the worst."""
    experts = {"model__expert_units": [8]}
    models: dict[str, Any] = {
        "mmoe": experts,
        "ple": experts | {"model__num_levels": 2},
        "m3oe": experts | {"model__star_units": 4, "model__bottom_units": []},
    }
    twins = {"[8]": 0.6, "[8,8]": 0.5, "[9]": 0.4}
    for seed in (1, 2):
        noise = seed / 1000
        for units, value in twins.items():
            keys = {"model__bottom_units": json.loads(units)}
            scores = {"test": {"click": auc(value + noise)}}
            folder = tmp_path / f"single{units}{seed}"
            write_run(folder, "single_task", seed, scores, **keys)
        for model, keys in models.items():
            scores = {"test": {"click": auc(0.8 + noise)}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores, **keys)
    comparison = compared(capsys, tmp_path)
    gains = {
        c["settings"]["model.name"]: c["tasks"]["click"]["to_single_task"]
        for c in comparison["configurations"]
    }
    assert gains["mmoe"]["paired_difference"] == pytest.approx(0.2)
    assert gains["ple"]["paired_difference"] == pytest.approx(0.3)
    # No twin is as large as m3oe, which has a network below its experts.
    (warning,) = (w for w in comparison["warnings"] if "exact twins" in w)
    assert warning.endswith(
        "exact twins: m3oe bottom_units=[] (bottom_units=[8,8], not [4,8])"
    )


def test_only_settings_that_differ_are_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for job, (model, rate, experts) in enumerate(
        [("mmoe", 0.1, 2), ("mmoe", 0.1, 4), ("ple", 0.1, 9), ("ple", 0.2, 9)]
    ):
        settings = {"optimizer__learning_rate": rate, "model__num_experts": experts}
        scores = {"test": {"click": auc(0.8)}}
        write_run(tmp_path / str(job), model, 1, scores, **settings)
    comparison = compared(capsys, tmp_path)
    assert comparison["settings"] == [
        "model.name",
        "model.num_experts",
        "optimizer.learning_rate",
    ]
    assert comparison["baseline"] == "mmoe num_experts=2 learning_rate=0.1"
    requested = "model=ple,learning_rate=2e-1"
    comparison = compared(capsys, tmp_path, "--baseline", requested)
    assert comparison["baseline"] == "ple num_experts=9 learning_rate=0.2"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            "model=mmoe",
            "no configuration matches 'model=mmoe'; known: single_task, shared_bottom",
        ),
        ("model=pel", "known: single_task, shared_bottom, ple; did you mean ple?"),
        ("models=ple", "unknown key 'models'; settings that differ: model"),
        (
            "optimizer=adam",
            "3 configurations match 'optimizer=adam'; add settings until only one of",
        ),
        ("ple", "'ple' should be KEY=VALUE, such as model=ple, or the folder of a run"),
    ],
)
def test_baseline_that_matches_none_or_several_configurations_lists_names(
    sweep: Path, wanted: str, message: str
) -> None:
    with pytest.raises(ConfigError, match="--baseline") as error:
        compare(arguments([str(sweep), "--baseline", wanted]))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("copied", [False, True])
def test_folder_of_a_run_names_the_baseline(
    sweep: Path, copied: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sweep / "6"  # the first run of ple
    record = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps(record | {"config_hash": "x"}))
    folder = run
    if copied:
        folder = Path(shutil.copytree(run, tmp_path / "original"))
    assert compared(capsys, sweep, "--baseline", folder)["baseline"] == "ple"


def test_folder_of_none_or_several_configurations_is_no_baseline(
    sweep: Path, tmp_path: Path
) -> None:
    for folder, message in (
        (sweep, "sweep holds runs of 3 configurations; name the folder of a run of"),
        (tmp_path / "new", "new is the folder of none of the compared runs; known: s"),
    ):
        folder.mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=message):
            compare(arguments([str(sweep), "--baseline", str(folder)]))


def test_one_seed_gives_the_verdict_too_few_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path / "s", {"shared_bottom": 0.7, "ple": 0.9}, seeds=1)
    comparison = compared(capsys, tmp_path)
    assert to_baseline(comparison, "ple")["verdict"] == "too few seeds"
    assert to_baseline(comparison, "ple")["real"] is False
    assert any("fewer than 3 seeds" in line for line in comparison["warnings"])
    assert "Run them with seed=1,2,3" in printed(capsys, tmp_path)


def test_linked_run_folders_are_left_out_with_one_warning(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_run(
        sweep.parent / "elsewhere", "mmoe", 1, {"test": {"click": auc(0.9)}}
    )
    for name in ("linked", "linked_too"):
        (sweep / name).symlink_to(other)
    assert compare(arguments([str(sweep), str(sweep)])) == 0  # names each link once
    captured = capsys.readouterr()
    assert captured.err == (
        f"warning: these folders are left out: {sweep}/linked (a link), "
        f"{sweep}/linked_too (a link); name a link to compare its runs\n"
    )
    assert "mmoe" not in captured.out
    assert compare(arguments([str(sweep), str(sweep / "linked")])) == 0
    assert "mmoe" in capsys.readouterr().out


def test_folders_that_cannot_be_read_are_left_out_with_one_warning(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk_with_error(folder: Path, on_error: Any) -> Any:
        on_error(PermissionError(13, "Permission denied", "private"))
        return walk(folder)

    monkeypatch.setattr(find_runs, "walk", walk_with_error)
    assert compare(arguments([str(sweep), str(sweep)])) == 0  # names each folder once
    assert capsys.readouterr().err == (
        "warning: these folders are left out: private (Permission denied); name a link "
        "to compare its runs\n"
    )


def test_unfinished_run_of_a_killed_command_is_no_run(sweep: Path) -> None:
    before = find_runs.find_folders(sweep)
    unfinished = sweep / ".tmp-a1b2" / "ensemble"
    unfinished.mkdir(parents=True)
    (unfinished / "status.json").write_text('{"status": "running"}')
    assert find_runs.find_folders(sweep) == before


def test_runs_are_found_however_deep_their_folder_lies(
    tmp_path: Path, little_recursion: None
) -> None:
    folder = tmp_path
    for _ in range(200):
        folder /= "d"
        folder.mkdir()
    (folder / "status.json").touch()
    assert find_runs.find_folders(tmp_path).runs == [folder]


def test_folder_that_holds_only_links_says_so(tmp_path: Path) -> None:
    write_run(tmp_path / "own", "mmoe", 1, {"test": {"click": auc(0.9)}})
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a").symlink_to(tmp_path / "own")
    with pytest.raises(
        ConfigError, match=r"holds no run.*; left out: .*links/a \(a link\)$"
    ):
        compare(arguments([str(tmp_path / "links")]))


def test_configuration_without_scores_is_named_and_has_no_row(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(sweep / "20", "ple", 1, None, status="failed", trainer__epochs=99)
    comparison = compared(capsys, sweep)
    assert comparison["settings"] == ["model.name"]
    assert len(comparison["configurations"]) == 3
    warning = "these runs have no scores: ple epochs=99 seed 1 (failed)"
    assert warning in comparison["warnings"]


def test_warnings_name_failed_runs_and_different_data_code_or_seeds(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(sweep / "20", "ple", 4, None, status="failed")
    write_run(sweep / "21", "ple", 5, None, status="running")
    about = json.loads((sweep / "8" / "environment.json").read_text())
    changed = {"data_hash": "d1", "git_commit": "beef", "versions": {"keras": "3"}}
    changed["plugins"] = {"models.ple": "f1", "encoders.wide": "e0"}
    changed["pretrained"] = {"v.npy": "f1", "v.txt": "e0"}
    (sweep / "8" / "environment.json").write_text(json.dumps(about | changed))
    other = {"plugins": {"models.ple": "f0", "encoders.wide": "e0"}}
    other["pretrained"] = {"v.npy": "f0", "v.txt": "e0"}
    (sweep / "7" / "environment.json").write_text(json.dumps(about | other))
    (sweep / "1" / "metrics.json").write_text('{"test": ')
    warned = compared(capsys, sweep)["warnings"]
    for expected in (
        "no scores: ple seed 4 (failed), ple seed 5 (still running)",
        "these configurations read other data than shared_bottom seed 1: ple",
        "these configurations used another commit than shared_bottom seed 1: ple",
        "used other package versions than shared_bottom seed 1: ple",
        "the code of the plugins of these options differs between the runs: models.ple",
        "the content of these files of pretrained vectors differs between the runs: "
        "v.npy",
        "metrics.json is damaged",
        "the configurations have different seeds (2 to 3 each)",
    ):
        assert any(expected in line for line in warned), expected


def test_warning_names_rows_with_other_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2, 3):
        scores = {"test": {"click": auc(0.8 + seed / 1e3)}}
        write_run(tmp_path / f"plain{seed}", "shared_bottom", seed, scores)
        weights = {"dataset__weight_column": "w"}
        write_run(tmp_path / f"weighted{seed}", "ple", seed, scores, **weights)
    expected = "used other row weights than shared_bottom weight_column=null seed 1"
    warnings = compared(capsys, tmp_path)["warnings"]
    assert any(expected in line for line in warnings), warnings


@pytest.mark.parametrize("option", [["--baseline", "model=mmoe"], ["--md"]])
def test_options_may_stand_between_the_folders(option: list[str]) -> None:
    assert arguments(["A", *option, "B"]).paths == ["A", "B"]


def test_other_rows_are_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2, 3):
        for model, rows in (("shared_bottom", 1000), ("ple", 999)):
            scores = {"test": {"click": auc(0.8 + seed / 1e3) | {"rows": rows}}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores)
    comparison = compared(capsys, tmp_path)
    assert to_baseline(comparison, "ple")["verdict"] == "not comparable"
    assert to_baseline(comparison, "ple")["over_seeds"] is None
    assert any(
        "scored on other rows or weights than" in line
        for line in comparison["warnings"]
    )


@pytest.mark.parametrize(
    ("metric", "verdict"),
    [("qwk", "not comparable"), ("gauc", "not comparable"), ("accuracy", "better")],
)
def test_metrics_of_ranks_or_groups_are_not_compared_if_the_ranks_or_groups_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metric: str, verdict: str
) -> None:
    orders = {"shared_bottom": ["low", "mid", "high"], "ple": ["low", "high", "mid"]}
    for seed in (1, 2, 3):
        for model, value in (("shared_bottom", 0.5), ("ple", 0.6)):
            scores = {"test": {"click": {metric: value + seed / 1e4, "rows": 100}}}
            tasks = {"click": {"classes": orders[model]}}
            data = {"dataset__tasks": tasks, "dataset__group_column": model}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores, **data)
    comparison = compared(capsys, tmp_path)
    assert to_baseline(comparison, "ple")["verdict"] == verdict


def write_splits(folder: Path, **other: object) -> list[Path]:
    """Writes runs of a regression on 100 rows; the runs of ple have more settings."""
    paths = []
    for seed in (1, 2, 3):
        for model, error in (("shared_bottom", 0.5), ("ple", 0.4)):
            scores = {"test": {"click": {"rmse": error + seed / 1e4, "rows": 100}}}
            settings = other if model == "ple" else {}
            path = folder / f"{model}{seed}"
            paths.append(write_run(path, model, seed, scores, **settings))
    return paths


@pytest.mark.parametrize(
    "other", [{"dataset__split_seed": 1}, {"dataset__valid_fraction": 0.2}]
)
def test_runs_of_other_splits_are_not_compared_though_as_many_rows_count(
    tmp_path: Path, other: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    write_splits(tmp_path, **other)
    comparison = compared(capsys, tmp_path)
    difference = to_baseline(comparison, "ple")
    assert difference["verdict"] == "not comparable"
    assert difference["paired_difference"] is None and difference["paired_seeds"] == 0
    assert comparison["tasks"]["click"]["best"] is None
    assert any(
        "scored on other rows or weights than" in line
        for line in comparison["warnings"]
    )
    assert any("another split than" in line for line in comparison["warnings"])


@pytest.mark.parametrize("form", ["missing", "null"])
@pytest.mark.parametrize("hashes", [["d0", "d1"], [None, None]], ids=["other", "none"])
def test_runs_of_other_or_unknown_data_are_not_compared(
    hashes: list[str | None],
    form: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for path in write_splits(tmp_path):
        record = json.loads((path / "environment.json").read_text())
        record["data_hash"] = hashes["ple" in path.name]
        if record["data_hash"] is None and form == "missing":
            del record["data_hash"]
        (path / "environment.json").write_text(json.dumps(record))
    comparison = compared(capsys, tmp_path)
    assert to_baseline(comparison, "ple")["verdict"] == "not comparable"


@pytest.mark.parametrize(
    ("split_seed", "first", "verdict"),
    [(1, 0, "better"), (1, 7, "not comparable"), (0, 7, "not comparable")],
)
def test_row_numbers_tell_whether_the_rows_are_the_same(
    split_seed: int,
    first: int,
    verdict: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    label = np.random.default_rng(0).normal(size=100)
    for path in write_splits(tmp_path, dataset__split_seed=split_seed):
        scores = json.loads((path / "metrics.json").read_text())
        error = scores["test"]["click"]["rmse"]
        mine = first if "ple" in path.name else 0
        write_predictions(path, label, label + error, first=mine)
    comparison = compared(capsys, tmp_path)
    assert to_baseline(comparison, "ple")["verdict"] == verdict


def test_one_run_with_predictions_tells_the_rows_of_all_runs_of_the_same_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = np.random.default_rng(0).normal(size=100)
    for path in write_splits(tmp_path, dataset__split_seed=1):
        if path.name in ("shared_bottom1", "ple2"):
            write_predictions(path, label, label)
    assert to_baseline(compared(capsys, tmp_path), "ple")["verdict"] == "better"


def test_a_seed_that_ran_twice_counts_once(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"test": {"click": auc(0.99)}}
    write_run(sweep / "30", "ple", 1, scores, model__bottom_units=[8])
    comparison = compared(capsys, sweep)
    (ple,) = (one for one in comparison["configurations"] if one["name"] == "ple")
    assert ple["seeds"] == [1, 2, 3]
    assert ple["tasks"]["click"]["by_seed"]["1"] == 0.99
    assert any("a later run has the same" in line for line in comparison["warnings"])


def test_a_seed_that_ran_twice_is_named_whatever_the_order_of_its_keys(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"test": {"click": auc(0.99)}}
    again = write_run(sweep / "30", "ple", 1, scores, model__bottom_units=[8])
    values = yaml.safe_load((again / "config.yaml").read_text())
    turned = yaml.safe_dump(dict(reversed(values.items())), sort_keys=False)
    (again / "config.yaml").write_text(turned)
    comparison = compared(capsys, sweep)
    assert len(comparison["configurations"]) == 3
    assert any("a later run has the same" in line for line in comparison["warnings"])


def test_runs_that_differ_in_keys_without_effect_are_one_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    neutral = {"checkpoint_minutes": [5, 60], "strategy": ["none", "mirrored"]}
    scores = {"test": {"click": auc(0.8)}}
    for seed in (1, 2):
        own = {f"trainer__{key}": values[seed - 1] for key, values in neutral.items()}
        write_run(tmp_path / str(seed), "ple", seed, scores, **own)
    (one,) = compared(capsys, tmp_path)["configurations"]
    assert one["seeds"] == [1, 2]


def write_predicted(folder: Path, gap: float, recorded: float | None = None) -> None:
    """Two models of three seeds whose predictions give the AUC that is recorded."""
    rng = np.random.default_rng(0)
    label = (rng.random(2000) < 0.3).astype("float64")
    for model, more in (("shared_bottom", 0.0), ("ple", gap)):
        for seed in (1, 2, 3):
            score = label * (1 + more) + rng.normal(size=2000)
            value = roc_auc_score(label, score) if recorded is None else recorded
            counts = {"rows": 2000, "positives": int(label.sum())}
            scores = {"test": {"click": auc(value) | counts}}
            path = write_run(folder / f"{model}{seed}", model, seed, scores)
            write_predictions(path, label, score)


def test_predictions_tell_whether_another_test_set_would_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_predicted(tmp_path, gap=1.0)
    difference = to_baseline(compared(capsys, tmp_path), "ple")
    assert difference["verdict"] == "better"
    assert difference["over_rows"]["difference"] == pytest.approx(
        difference["over_seeds"]["difference"]
    )
    assert "and so would another test set (p < 0.001)" in printed(capsys, tmp_path)


def test_sentence_gives_the_difference_of_models_without_a_common_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_predicted(tmp_path / "all", gap=1.0)
    for name in ("shared_bottom1", "ple2"):
        (tmp_path / "all" / name).rename(tmp_path / name)
    shutil.rmtree(tmp_path / "all")
    over_rows = to_baseline(compared(capsys, tmp_path), "ple")["over_rows"]
    assert over_rows["difference"] > 0.1
    expected = f"ple ({over_rows['difference']:+.4f}; on another test set p < 0.001)"
    assert expected in printed(capsys, tmp_path)


def test_predictions_that_do_not_give_the_recorded_metric_are_left_out_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_predicted(tmp_path, gap=1.0, recorded=0.75)
    comparison = compared(capsys, tmp_path)
    assert to_baseline(comparison, "ple")["over_rows"] is None
    assert any(
        "do not give the auc of metrics.json" in w for w in comparison["warnings"]
    )
    assert not any("weights" in w for w in comparison["warnings"])


def test_weighted_rows_are_tested_with_their_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_predicted(tmp_path, gap=1.0)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, 2000).astype("float32")
    for path in tmp_path.glob("*/predictions.parquet"):
        frame = pd.read_parquet(path)
        frame["click_row_weight"] = weight
        frame.to_parquet(path)
        columns = frame["click"], frame["click_prediction"]
        value = roc_auc_score(*columns, sample_weight=weight)
        metrics = path.parent / "metrics.json"
        metrics.write_text(json.dumps({"test": {"click": auc(value)}}))
    difference = to_baseline(compared(capsys, tmp_path), "ple")
    assert difference["over_rows"]["difference"] == pytest.approx(
        difference["over_seeds"]["difference"]
    )


def test_rows_of_a_group_count_as_dependent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users with ten copies of one row are as few as the rows."""
    write_predicted(tmp_path, gap=1.0)
    files = list(tmp_path.glob("*/predictions.parquet"))
    expected = to_baseline(compared(capsys, tmp_path), "ple")["over_rows"]
    for path in files:
        copies = pd.concat([pd.read_parquet(path)] * 10, ignore_index=True)
        copies["row"] = np.arange(20_000)
        copies.to_parquet(path)
    over_rows = to_baseline(compared(capsys, tmp_path), "ple")["over_rows"]
    assert over_rows["half_interval"] < 0.4 * expected["half_interval"]
    for path in files:
        copies = pd.read_parquet(path)
        copies["group"] = np.tile(np.arange(2000), 10)
        copies.to_parquet(path)
    over_rows = to_baseline(compared(capsys, tmp_path), "ple")["over_rows"]
    assert over_rows == pytest.approx(expected, rel=1e-6)


def test_csv_has_no_column_for_a_missing_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_predicted(tmp_path, gap=1.0)
    for path in tmp_path.glob("*/metrics.json"):
        scores = json.loads(path.read_text())
        scores["test"]["buy"] = scores["test"]["click"]  # without predictions
        path.write_text(json.dumps(scores))
    compare(arguments([str(tmp_path), "--csv"]))
    header, *_ = csv.reader(io.StringIO(capsys.readouterr().out))
    tested = [name.split(".") for name in header if "over_rows" in name]
    assert {"to_baseline", "over_rows", "p"} in [set(name) for name in tested]
    assert all(len(name) == 3 for name in tested)


def test_warning_names_all_reasons_why_rows_cannot_be_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_predicted(tmp_path, gap=1.0, recorded=0.75)
    for seed in (1, 2, 3):
        shutil.copytree(tmp_path / f"ple{seed}", tmp_path / f"mmoe{seed}")
    for path in tmp_path.glob("*/config.yaml"):
        config = yaml.safe_load(path.read_text())
        config["model"]["name"] = path.parent.name[:-1]
        path.write_text(yaml.safe_dump(config))
    (warning,) = [
        w for w in compared(capsys, tmp_path)["warnings"] if "no test over rows" in w
    ]
    for name in ("ple", "mmoe"):
        assert f"{name}: predictions do not give the auc of metrics.json" in warning


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("auc", "a class has fewer than 5 test rows"),
        ("pr_auc", "there are fewer than 20 test rows"),
        ("gauc", "predictions.parquet has no column group"),
    ],
)
def test_warning_says_why_rows_cannot_be_tested(
    metric: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = np.array([1.0] + [0.0] * 9)
    # The positive row is ranked second by one model, first by the other.
    for model, score, values in (
        ("shared_bottom", 8.5, {"auc": 8 / 9, "pr_auc": 0.5, "gauc": 0.9}),
        ("ple", 9.5, {"auc": 1.0, "pr_auc": 1.0, "gauc": 1.0}),
    ):
        for seed in (1, 2, 3):
            task = values | {"rows": 10, "positives": 1}
            path = tmp_path / f"{model}{seed}"
            write_run(path, model, seed, {"test": {"click": task}})
            write_predictions(path, label, np.array([score, *range(1, 10)]))
    comparison = compared(capsys, tmp_path, "--metric", metric)
    assert to_baseline(comparison, "ple")["over_rows"] is None
    assert any(
        "no test over rows" in w and message in w for w in comparison["warnings"]
    )


def test_rows_are_read_of_the_best_configurations_of_each_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl_cli.comparison.row_tests.MAX_CONFIGURATIONS", 2)
    rng = np.random.default_rng(0)
    label = np.tile([0.0, 1.0], 200)
    signals = {"shared_bottom": (1, 1), "mmoe": (3, 2), "ple": (2, 3)}
    for model, strengths in signals.items():
        for seed in (1, 2):
            scores = [label * s + rng.normal(size=400) for s in strengths]
            counts = {"rows": 400, "positives": 200}
            names = dict(zip(("click", "buy"), scores, strict=True))
            tasks = {
                n: auc(roc_auc_score(label, s), **counts) for n, s in names.items()
            }
            path = write_run(tmp_path / f"{model}{seed}", model, seed, {"test": tasks})
            write_predictions(path, label, scores[0], buy=(label, scores[1]))
    comparison = compared(capsys, tmp_path)
    for task, best in (("click", "mmoe"), ("buy", "ple")):
        tested = [
            one["name"]
            for one in comparison["configurations"]
            if (one["tasks"][task]["to_baseline"] or {}).get("over_rows")
        ]
        assert tested == [best]
        assert any(
            f"{task}: only the test rows of" in w for w in comparison["warnings"]
        )


def test_difference_over_seeds_but_not_over_rows_is_not_real(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(5)
    label = np.tile([0.0, 1.0], 100)
    kept = {}
    for model, shift in (("shared_bottom", 0.0), ("ple", 1.0)):
        own = label + 1.5 * rng.normal(size=200) + shift * 0.05 * label
        kept[model] = own
        for seed in (1, 2, 3, 4):
            score = own + 0.001 * rng.normal(size=200)
            positive, negative = score[label == 1], score[label == 0]
            value = float((positive[:, None] > negative[None, :]).mean())
            scores = {"test": {"click": auc(value) | {"rows": 200, "positives": 100}}}
            path = write_run(tmp_path / f"{model}{seed}", model, seed, scores)
            write_predictions(path, label, score)
    difference = to_baseline(compared(capsys, tmp_path), "ple")
    assert difference["over_seeds"]["p"] < 0.001 < 0.05 < difference["over_rows"]["p"]
    assert (difference["verdict"], difference["real"]) == ("on these rows only", False)
    assert "ple shows no real difference to shared_bottom" in printed(capsys, tmp_path)


def test_csv_and_markdown_hold_one_row_per_configuration(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(arguments([str(sweep), "--csv"])) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(r["model.name"], r["task"]) for r in rows][-1] == ("ple", "buy")
    assert rows[4]["to_baseline.verdict"] == "better"
    assert compare(arguments([str(sweep), "--md"])) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("| model | seeds | click auc | difference | verdict |")
    assert "**0.8" in lines[4]


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("test.click.auc<0.81", 1),
        ("test.click.auc < 0.7", 0),
        ("valid.buy.auc >= 1e3", 0),
        ("test.click.rows>999", 1),
    ],
)
def test_fail_if_checks_every_configurations_mean(
    sweep: Path, expression: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(arguments([str(sweep), "--fail-if", expression])) == code
    output = capsys.readouterr().err
    assert output.count("mtl-compare: error:") == (
        {"test.click.auc<0.81": 2, "test.click.rows>999": 3}.get(expression, 0)
    )
    if code:
        assert "shared_bottom has test.click." in output


def test_fail_if_fails_what_it_cannot_check(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(sweep / "40", "mmoe", 1, None, status="failed")
    undefined, size = {"test": {"click": auc(None)}}, {"model__bottom_units": [8]}
    write_run(sweep / "41", "shared_bottom", 9, undefined, **size)
    assert compare(arguments([str(sweep), "--fail-if", "test.click.auc<0.1"])) == 1
    message = capsys.readouterr().err
    assert "mmoe has no test.click.auc\n" in message
    assert "shared_bottom has no test.click.auc for seed 9\n" in message


@pytest.mark.parametrize(
    ("baseline", "expression", "failures"),
    [
        ("shared_bottom", "worse", []),
        (
            "ple",
            "worse",
            [
                "single_task is worse than ple: test.click.auc.difference = -0.0",
                "shared_bottom is worse than ple: test.click.auc.difference = -0.0",
            ],
        ),
        ("ple", "test.click.auc.difference<-0.5", []),
        (
            "ple",
            "test.click.auc.difference<-0.01",
            [
                "single_task has test.click.auc.difference = -0.0",
                "shared_bottom has test.click.auc.difference = -0.0",
            ],
        ),
    ],
)
def test_fail_if_checks_the_difference_to_the_baseline(
    sweep: Path,
    baseline: str,
    expression: str,
    failures: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--baseline", f"model={baseline}", "--fail-if", expression]
    code = compare(arguments([str(sweep), "--task", "click", *options]))
    lines = capsys.readouterr().err.splitlines()
    assert code == bool(failures)
    assert len(lines) == len(failures)
    assert all(
        failure in line for failure, line in zip(failures, lines, strict=True)
    ), lines


@pytest.mark.parametrize("seed_of_ple", [1, 9])  # a common seed, and none
def test_difference_with_fewer_than_two_common_seeds_is_of_the_means(
    tmp_path: Path, seed_of_ple: int, capsys: pytest.CaptureFixture[str]
) -> None:
    values = [("shared_bottom", 1, 0.78), ("shared_bottom", 2, 0.82)]
    for model, seed, value in [*values, ("ple", seed_of_ple, 0.79)]:
        folder = tmp_path / f"{model}{seed}"
        write_run(folder, model, seed, {"test": {"click": auc(value)}})
    # The means are 0.80 and 0.79, though ple is ahead of the baseline with seed 1.
    assert re.search(r"ple 1 0\.790* -0\.010* few", printed(capsys, tmp_path))
    condition = "test.click.auc.difference<-0.005"
    assert compare(arguments([str(tmp_path), "--fail-if", condition])) == 1


def test_fail_if_worse_fails_what_the_tests_cannot_decide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, value in (("shared_bottom", 0.8), ("ple", 0.9)):
        write_run(tmp_path / model, model, 1, {"test": {"click": auc(value)}})
    assert compare(arguments([str(tmp_path), "--fail-if", "worse"])) == 1
    message = "ple and shared_bottom cannot be compared by test.click.auc.difference"
    assert f"{message}: too few seeds" in capsys.readouterr().err
    with pytest.raises(ConfigError) as error:
        compare(arguments([str(tmp_path / "ple"), "--fail-if", "worse"]))
    assert "no two configurations are compared" in str(error.value)


FAILURES = {
    "failed": "mmoe is not compared with the baseline: failed",
    "damaged": "40 cannot be checked: damaged",
    "other data": "is not compared with the baseline: it is scored on other data",
}


@pytest.mark.parametrize("expression", ["worse", "test.click.auc.difference<-0.5"])
@pytest.mark.parametrize("name", FAILURES)
def test_fail_if_fails_a_configuration_that_is_not_compared(
    name: str, expression: str, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sweep / "40"
    if name == "other data":
        scores = {"test": {"click": auc(0.9)}}
        write_run(path, "mmoe", 1, scores, dataset__name="other", data_hash="x")
    else:
        write_run(path, "mmoe", 1, None, status="failed")
    if name == "damaged":
        (path / "config.yaml").write_text("a: [")
    options = ["--baseline", "model=shared_bottom", "--task", "click"]
    assert compare(arguments([str(sweep), *options, "--fail-if", expression])) == 1
    assert FAILURES[name] in capsys.readouterr().err


def test_fail_if_does_not_check_outputs_that_the_baseline_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2, 3):
        click = auc(0.8 + seed / 1000)
        base = tmp_path / f"base{seed}"
        write_run(base, "shared_bottom", seed, {"test": {"click": click}})
        both = {"test": {"click": click, "buy_given_click": auc(0.7)}}
        write_run(tmp_path / f"funnel{seed}", "mmoe", seed, both)
    assert compare(arguments([str(tmp_path), "--fail-if", "worse"])) == 0
    assert "buy_given_click" in capsys.readouterr().out
    reverse = ["--baseline", "model=mmoe", "--fail-if", "worse"]
    assert compare(arguments([str(tmp_path), *reverse])) == 1
    assert "by test.buy_given_click.auc.difference: no score" in capsys.readouterr().err


def test_damaged_run_in_a_sweep_fails_a_check_of_scores(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sweep / "0" / "metrics.json").write_text("{")
    assert compare(arguments([str(sweep), "--fail-if", "test.click.auc<0.1"])) == 1
    assert "0 cannot be checked: damaged" in capsys.readouterr().err


def test_run_that_cannot_be_checked_is_named_once_for_all_conditions(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sweep / "0" / "metrics.json").write_text("{")
    checks = ["test.click.auc<0.1", "test.buy.auc<0.1", "worse"]
    options = [part for check in checks for part in ("--fail-if", check)]
    assert compare(arguments([str(sweep), *options])) == 1
    errors = capsys.readouterr().err
    path = sweep / "0"
    assert errors.count(f"--fail-if: {path} cannot be checked: damaged") == 1
    assert errors.count(f"{path} cannot be checked") == 1


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("test.click.log_loss.difference<1", "(--metric and --split choose"),
        ("test.clck.auc.difference<1", "did you mean test.click.auc.difference?"),
        (
            "test.click.acu<0.9",
            "no run has test.click.acu; did you mean test.click.auc",
        ),
        ("click<0.9", "should be SPLIT.TASK.METRIC"),
        ("test.click.auc<__import__('os')", "should be SPLIT.TASK.METRIC"),
        ("test.click.auc==0.9", "should be SPLIT.TASK.METRIC"),
    ],
)
def test_fail_if_refuses_what_it_does_not_know(
    sweep: Path, expression: str, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        compare(arguments([str(sweep), "--fail-if", expression]))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        (["nowhere"], "'nowhere' is not a folder"),
        (["."], ". holds no run"),
        ([".", "--json", "--csv"], "not allowed with argument"),
        ([".", "--basline", "x"], "did you mean --baseline?"),
        ([], "the following arguments are required: FOLDER"),
    ],
)
def test_wrong_input_ends_in_one_line(
    command_line: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        compare(arguments(command_line))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        (
            ["--split", "tets"],
            "no run has scores of the split 'tets'; known: test, valid",
        ),
        (["--metric", "acu"], "no task has the metric 'acu'; known: auc, log_loss"),
        (
            ["--task", "click,by"],
            "--task: no run has scores of the task 'by'; known: click, buy; did you "
            "mean buy?",
        ),
    ],
)
def test_unknown_names_list_the_known_ones(
    sweep: Path, command_line: list[str], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        compare(arguments([str(sweep), *command_line]))
    assert message in str(error.value)


def test_only_failed_runs_are_nothing_to_compare(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "ple", 1, None, status="failed")
    with pytest.raises(ConfigError, match="none of 1 runs is done"):
        compare(arguments([str(tmp_path)]))


def test_damaged_file_of_the_only_run_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "ple", 1, {"test": {"click": auc(0.7)}})
    (folder / "metrics.json").write_text("[")
    with pytest.raises(ConfigError, match=r"a metrics\.json is damaged$"):
        compare(arguments([str(tmp_path)]))


def test_damaged_configs_and_endless_aliases_are_left_out(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n"
    for one, other in zip("bcdefgh", "abcdefg", strict=True):
        bomb += f"{one}: &{one} [{', '.join(['*' + other] * 9)}]\n"
    (sweep / "0" / "config.yaml").write_text(bomb)
    (sweep / "1" / "config.yaml").write_text("{")
    (sweep / "2" / "config.yaml").write_text("!!python/object/apply:os.system [ls]")
    warned = compared(capsys, sweep)["warnings"]
    (line,) = (line for line in warned if line.startswith("these runs are left out"))
    assert line.count("config.yaml is damaged") == 3


def test_leaderboard_has_one_tidy_row_per_job(sweep: Path) -> None:
    write_history(sweep / "0")
    write_run(sweep / "10", "ple", 4, None, status="failed")
    board = pd.read_csv(write_leaderboard(sweep))
    assert list(board["run"]) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    first, failed = board.iloc[0], board.iloc[-1]
    assert first["model.name"] == "single_task"
    assert (first["seed"], first["parameters"], first["seconds"]) == (1, 1234, 30)
    assert (first["best_epoch"], first["samples_per_second"]) == (2, 250)
    recorded = json.loads((sweep / "0" / "metrics.json").read_text())
    assert first["test.click.auc"] == recorded["test"]["click"]["auc"]
    assert (failed["status"], failed["error"]) == ("failed", "loss is no number")
    assert [path.name for path in sweep.glob(".tmp*")] == []


def test_page_replaces_an_earlier_page_and_no_other_file(
    sweep: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    for _ in range(2):
        assert compare(arguments([str(sweep), "--html", str(page)])) == 0
    page.write_text("<!doctype html>\n<p>my notes on mtl-compare")
    for target in (page, tmp_path):
        with pytest.raises(ConfigError, match="exists and is not a page of mtl-comp"):
            compare(arguments([str(sweep), "--html", str(target)]))
    assert "my notes" in page.read_text()


@pytest.mark.slow
def test_comparison_imports_no_slow_package(sweep: Path) -> None:
    page = str(sweep / "page.html")
    code = (
        "import sys; from mtl_cli.cli.compare import arguments, compare;"
        f"compare(arguments([{str(sweep)!r}, '--html', {page!r}]));"
        "slow = 'tensorflow keras deepctr hydra omegaconf pandas'.split();"
        "sys.exit(bool({*slow} & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert output.returncode == 0, output.stderr


def test_ensemble_is_not_told_to_be_run_with_more_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2, 3):
        write_run(tmp_path / f"{seed}", "ple", seed, {"test": {"click": auc(0.8)}})
    with (tmp_path / "3" / "config.yaml").open("a") as config:
        config.write("ensemble: [1, 2]\n")
    output = printed(capsys, tmp_path)
    assert "An ensemble is one model, so only the test rows can tell" in output
    assert "Run them with seed" not in output


def test_ensemble_is_not_paired_with_the_run_of_its_first_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed, value in (("1", 1, 0.8), ("2", 2, 0.7), ("3", 1, 0.76)):
        write_run(tmp_path / name, "ple", seed, {"test": {"click": auc(value)}})
    with (tmp_path / "3" / "config.yaml").open("a") as config:
        config.write("ensemble: [1, 2]\n")
    ensemble = compared(capsys, tmp_path)["configurations"][1]
    to_baseline = ensemble["tasks"]["click"]["to_baseline"]
    assert (to_baseline["paired_difference"], to_baseline["paired_seeds"]) == (None, 0)


@pytest.mark.parametrize(("pcoc", "status"), [(1.2, 1), (1.00001, 0)])
def test_real_difference_by_a_metric_without_a_direction_fails_worse(
    pcoc: float, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, mean in (("shared_bottom", 1.0), ("ple", pcoc)):
        for seed in (1, 2, 3):
            scores = {"test": {"click": {"pcoc": mean + seed / 1e4, "rows": 9}}}
            write_run(tmp_path / f"{model}{seed}", model, seed, scores)
    assert compare(arguments([str(tmp_path), "--fail-if", "worse"])) == status
    message = "without a known direction, from shared_bottom: test.click.pcoc"
    assert (message in capsys.readouterr().err) == bool(status)


@pytest.mark.parametrize("limit", ["<-0.1", "<=0", ">0.1"])
def test_unknown_difference_fails_a_check(
    limit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, value, rows in (("shared_bottom", 0.9, 1000), ("ple", 0.5, 999)):
        scores = {"valid": {"click": auc(value) | {"rows": rows}}}
        write_run(tmp_path / model, model, 1, scores)
    check = f"valid.click.auc.difference{limit}"
    command = [str(tmp_path), "--split", "valid", "--fail-if", check]
    assert compare(arguments(command)) == 1
    assert "cannot be compared by" in capsys.readouterr().err


KIND = """
import numpy as np
from mtl_cli.metrics.metric import metric
from mtl_cli.tasks.base import Task

@metric(direction=-1)
def deviance(label, prediction, weight):
    return float(np.average(np.square(label - prediction), weights=weight))

class Counts(Task):
    METRICS = (deviance,)

    def read_labels(self, message_start, column): ...
    def row_losses(self, labels, logits, statistics): ...
    def predictions(self, logits, statistics): ...
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """Runs whose metric `deviance` belongs to the plugin in the folder `mine`."""
    kind = tmp_path / "mine" / "tasks" / "counts.py"
    kind.parent.mkdir(parents=True)
    kind.write_text(KIND)
    rng = np.random.default_rng(0)
    label = rng.normal(size=200)
    for model, more in (("shared_bottom", 0.1), ("ple", 1.0)):
        for seed in (1, 2, 3):
            prediction = label + more * rng.normal(size=200)
            value = float(np.mean(np.square(label - prediction)))
            scores = {"test": {"click": {"deviance": value, "rows": 200}}}
            path = write_run(tmp_path / "runs" / f"{model}{seed}", model, seed, scores)
            write_predictions(path, label, prediction)
    yield tmp_path
    plugins.use_folders([])


def test_metric_of_a_plugin_is_compared_as_the_plugin_says(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--plugins", str(plugin / "mine"), "--json", "--fail-if", "worse"]
    assert compare(arguments([str(plugin / "runs"), *flags])) == 1
    output = capsys.readouterr()
    assert "ple is worse than shared_bottom" in output.err
    comparison = json.loads(output.out)
    assert comparison["tasks"]["click"]["direction"] == -1
    assert comparison["tasks"]["click"]["best"] == "shared_bottom"
    difference = to_baseline(comparison, "ple")
    assert difference["verdict"] == "worse"
    assert difference["over_rows"]["difference"] > 0.5
    assert comparison["warnings"] == []


def test_unknown_metric_gets_one_warning_and_fails_if_it_differs(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comparison = compared(capsys, plugin / "runs")
    assert comparison["tasks"]["click"]["direction"] is None
    assert to_baseline(comparison, "ple")["verdict"] == "different"
    (warning,) = comparison["warnings"]
    assert warning.endswith("(add --plugins FOLDER): click.deviance")
    assert compare(arguments([str(plugin / "runs"), "--fail-if", "worse"])) == 1
    output = capsys.readouterr()
    assert "click: deviance, unknown metric" in output.out
    assert "from shared_bottom: test.click.deviance.difference = +" in output.err


def test_ensemble_without_a_folder_is_refused_before_the_comparison(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="several folders are compared; name the"):
        compare(arguments([str(sweep), str(sweep / "8"), "--ensemble"]))
    assert capsys.readouterr().out == ""
