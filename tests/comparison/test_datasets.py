"""`mtl-compare` on runs of several data sets: each is compared by itself."""

import csv
import io
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.planted_runs import auc, write_predictions, write_run

import mtl_cli
from mtl_cli.cli.compare import arguments, compare
from mtl_cli.comparison.datasets import runs_by_dataset, unique_names
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.table import all_warnings
from mtl_cli.core.errors import ConfigError

TASKS = {"shop": "click", "adult": "income"}


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Runs of two models on two data sets, by turns."""
    for seed in (1, 2, 3):
        for model, mean in (("shared_bottom", 0.8), ("ple", 0.82)):
            for data, task in TASKS.items():
                write_run(
                    tmp_path / f"{data}_{model}_{seed}",
                    model,
                    seed,
                    {"test": {task: auc(mean + seed / 1e4)}},
                    data_hash=data,
                    dataset__name=data,
                )
    return tmp_path


def write_generated(folder: Path, correlation: float, label: object = None) -> None:
    """Runs of two models on data generated with a correlation; ple is better."""
    for seed in (1, 2, 3):
        for model, mean in (("shared_bottom", 0.8), ("ple", 0.82)):
            path = write_run(
                folder / f"{model}_{correlation}_{seed}",
                model,
                seed,
                {"test": {"click": auc(mean + seed / 1e4 - correlation / 10)}},
                data_hash=f"correlation {correlation}",
                dataset__name="generated",
                dataset__correlation=correlation,
            )
            if label is not None:
                write_predictions(path, label, label)


def output_of(capsys: pytest.CaptureFixture[str], *command_line: object) -> str:
    assert compare(arguments([*map(str, command_line)])) == 0
    return capsys.readouterr().out


def test_each_data_set_has_its_own_table_and_baseline(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = output_of(capsys, both)
    adult, shop = (shown.index(f" data set {name} ") for name in ("adult", "shop"))
    first, second = shown[adult:shop], shown[shop:]
    assert "income" in first and "click" not in first
    assert "click" in second.partition("±:")[0]
    for part in (first, second):
        assert "2 configurations, 6 runs, test rows; baseline shared_bottom (" in part
        assert "ple is better than shared_bottom by" in part
    assert "other rows" not in shown


def test_every_form_names_the_data_set(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comparison = json.loads(output_of(capsys, both, "--json"))["datasets"]
    assert list(comparison) == ["adult", "shop"]
    assert list(comparison["shop"]["tasks"]) == ["click"]
    rows = list(csv.DictReader(io.StringIO(output_of(capsys, both, "--csv"))))
    assert [(r["dataset"], r["model.name"]) for r in rows[1:3]] == [
        ("adult", "shared_bottom"),
        ("shop", "ple"),
    ]
    markdown = output_of(capsys, both, "--md").split("\n\n")
    assert [part.count("\n") for part in markdown] == [0, 3, 0, 4]
    assert markdown[::2] == ["## adult", "## shop"]
    page = both / "page.html"
    output_of(capsys, both, "--html", page)
    text = page.read_text("utf-8")
    assert "<h1>2 configurations on adult</h1>" in text
    assert "<h1>2 configurations on shop</h1>" in text


def test_a_data_set_that_cannot_be_compared_is_named(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(both / "x", "ple", 1, None, status="failed", dataset__name="other")
    for folder in both.glob("shop_*"):
        values = folder / "metrics.json"
        values.write_text('{"test": {"click": {"log_loss": 0.5}}}')
    comparison = json.loads(output_of(capsys, both, "--metric", "auc", "--json"))
    assert list(comparison["tasks"]) == ["income"]
    warned = " ".join(comparison["warnings"])
    assert "other is not compared: there is nothing to compare: none of 1" in warned
    assert (
        "data set shop is not compared: --metric: no task has the metric 'auc'"
        in warned
    )
    with pytest.raises(ConfigError, match="no configuration matches"):
        compare(arguments([str(both), "--baseline", "model=mmoe"]))


def test_the_same_data_under_two_names_are_one_data_set(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"test": {"click": auc(0.9)}}
    more = {"data_hash": "shop", "dataset__name": "shop_few_features"}
    write_run(both / "few", "ple", 1, scores, **more)
    (both / "broken").mkdir()
    (both / "broken" / "status.json").write_text("{")
    comparison = json.loads(output_of(capsys, both, "--json"))["datasets"]
    assert list(comparison) == ["adult", "shop_few_features, shop"]
    assert any("broken" in line for line in comparison["adult"]["warnings"])


@pytest.mark.parametrize("predictions", [False, True])
def test_one_data_set_generated_with_two_settings_has_a_table_for_each(
    predictions: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for correlation in (0.5, 0.9):
        label = np.random.default_rng(int(10 * correlation)).normal(size=100)
        write_generated(tmp_path, correlation, label if predictions else None)
    by_dataset = json.loads(output_of(capsys, tmp_path, "--json"))["datasets"]
    names = ["generated correlation=0.5", "generated correlation=0.9"]
    assert list(by_dataset) == names
    for comparison in by_dataset.values():
        assert comparison["settings"] == ["model.name"]
        assert [c["name"] for c in comparison["configurations"]] == [
            "ple",
            "shared_bottom",
        ]
        assert comparison["tasks"]["click"]["best"] == "ple"
        assert not any("other data" in line for line in comparison["warnings"])
    rows = list(csv.DictReader(io.StringIO(output_of(capsys, tmp_path, "--csv"))))
    assert [row["dataset"] for row in rows] == [names[0]] * 2 + [names[1]] * 2
    assert "data set generated correlation=0.9" in output_of(capsys, tmp_path)
    assert "## generated correlation=0.5" in output_of(capsys, tmp_path, "--md")


def test_two_settings_of_one_data_set_with_the_same_test_rows_share_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = np.random.default_rng(0).normal(size=100)
    for correlation in (0.5, 0.9):
        write_generated(tmp_path, correlation, label)
    comparison = json.loads(output_of(capsys, tmp_path, "--json"))
    assert comparison["settings"] == ["model.name", "dataset.correlation"]
    assert len(comparison["configurations"]) == 4


def test_variant_without_a_name_adds_nothing_to_the_name() -> None:
    assert unique_names([[(("dataset.name", "shop"),), ()]]) == ["shop"]


def test_name_has_no_settings_that_only_other_data_sets_have() -> None:
    features = {f"dataset.features.{i}.kind": "sparse" for i in range(9)}
    days = [
        [tuple(sorted(({"dataset.name": "shop", "dataset.train": day} | more).items()))]
        for day, more in (("1", {}), ("2", features))
    ]
    first, second = unique_names(days)
    assert first == "shop train=1"
    assert second.startswith("shop train=2 0.kind=sparse 1.kind=sparse")


def test_name_has_a_setting_whose_value_is_a_comma() -> None:
    def settings(delimiter: str) -> tuple[tuple[str, str], ...]:
        return (("dataset.csv.delimiter", delimiter), ("dataset.name", "shop"))

    names = unique_names([[settings(",")], [settings(";")]])
    assert names == ["shop delimiter=,", "shop delimiter=;"]


def test_groups_of_settings_with_equal_values_have_different_names() -> None:
    def settings(a: int, b: int) -> tuple[tuple[str, str], ...]:
        return (("dataset.name", "n"), ("dataset.a", str(a)), ("dataset.b", str(b)))

    groups = [
        [settings(1, 1), settings(2, 2)],
        [settings(1, 1), settings(1, 2), settings(2, 2)],
        [settings(1, 1), settings(2, 1), settings(2, 2)],
        [settings(3, 1)],
    ]
    assert unique_names(groups) == [
        "n a=1,2 b=1,2",
        "n a=1,2 b=1,2 (2)",
        "n a=1,2 b=1,2 (3)",
        "n a=3 b=1",
    ]


def test_data_set_whose_own_name_ends_in_a_number_keeps_its_runs() -> None:
    groups = [[(("dataset.name", name),)] for name in ("shop (2)", "shop", "shop")]
    assert unique_names(groups) == ["shop (2)", "shop", "shop (3)"]


def test_a_run_of_unknown_data_does_not_link_two_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for correlation in (0.5, 0.9):
        write_generated(tmp_path, correlation)
    settings = {"dataset__name": "generated", "dataset__correlation": 0.7}
    failed = write_run(tmp_path / "failed", "ple", 1, None, "failed", **settings)
    (failed / "environment.json").unlink()
    by_dataset = json.loads(output_of(capsys, tmp_path, "--json"))["datasets"]
    # The failed run stands in no heading.
    assert list(by_dataset) == [f"generated correlation={c}" for c in (0.5, 0.9)]
    (first, second) = by_dataset.values()
    assert any("seed 1 (failed)" in line for line in first["warnings"])
    assert not any("failed" in line for line in second["warnings"])


def test_runs_with_the_data_of_two_data_sets_link_them_in_any_order() -> None:
    adult, shop, *both = (
        Run(
            Path(name, data),
            status="done",
            settings={"dataset.name": name},
            environment={"data_hash": data},
        )
        for name, data in [
            ("adult", "old"),
            ("shop", "new"),
            ("table", "old"),
            ("table", "new"),
        ]
    )
    unlinked = runs_by_dataset([shop, adult])
    assert unlinked == {"shop": [shop], "adult": [adult]}
    for runs in itertools.permutations([adult, shop, *both]):
        (linked,) = runs_by_dataset(list(runs)).values()
        assert linked == list(runs)


def test_data_sets_are_in_the_order_of_their_first_runs() -> None:
    adult, shop, adult_again = (
        Run(
            Path(name),
            status="done",
            settings={"dataset.name": name},
            environment={"data_hash": data},
        )
        for name, data in [("adult", "a"), ("shop", "s"), ("adult_again", "a")]
    )
    groups = runs_by_dataset([adult, shop, adult_again]).values()
    assert list(groups) == [[adult, adult_again], [shop]]


def test_order_of_settings_makes_no_other_data_set() -> None:
    settings = {"dataset.name": "shop", "dataset.a": "1"}
    runs = [
        Run(Path(data), "done", settings=dict(items), environment={"data_hash": data})
        for data, items in (
            ("old", settings.items()),
            ("new", reversed(settings.items())),
        )
    ]
    assert runs_by_dataset(runs) == {"shop": runs}


def test_library_gives_one_comparison_for_each_data_set(both: Path) -> None:
    adult, shop = mtl_cli.compare(both).datasets
    assert (adult.dataset, shop.dataset) == ("adult", "shop")
    frame = pd.concat([adult.to_frame(), shop.to_frame()])
    assert list(frame["dataset"]) == ["adult"] * 2 + ["shop"] * 2
    assert list(frame["task"]) == ["income"] * 2 + ["click"] * 2
    ple = frame[frame["model.name"] == "ple"]
    assert list(ple["mean"]) == pytest.approx([0.8202, 0.8202])
    assert list(ple["to_baseline.verdict"]) == ["better", "better"]
    assert list(ple["to_baseline.paired_difference"]) == pytest.approx([0.02, 0.02])
    other = mtl_cli.compare(str(both / "shop_ple_1"), metric="log_loss")
    assert other.to_frame()["mean"].item() == 0.5


def test_warnings_name_their_data_set_if_there_are_several() -> None:
    comparisons: list[Any] = [
        SimpleNamespace(dataset=name, warnings=[f"{name} is small", "no rows"])
        for name in ("shop", "ads")
    ]
    assert all_warnings(comparisons[:1]) == ["shop is small", "no rows"]
    assert all_warnings(comparisons) == [
        "shop: shop is small",
        "shop: no rows",
        "ads: ads is small",
        "ads: no rows",
    ]
