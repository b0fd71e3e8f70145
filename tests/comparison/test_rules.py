"""The rules of a comparison: many tests, the baseline, and which rows are the same."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mtl_cli.comparison import row_tests
from mtl_cli.comparison.baseline import choose_baseline, is_same_value
from mtl_cli.comparison.configurations import Configuration, differing_keys
from mtl_cli.comparison.correction import correct_p_values
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import Interval
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import have_same_validation_rows, runs_have_same_rows
from mtl_cli.comparison.task import Score, Task
from mtl_cli.statistics import significance

SPLIT_SETTINGS = {
    "split_by": ("random", "order"),
    "split_column": ("user", "session"),
    "split_seed": ("0", "1"),
    "valid_fraction": ("0.1", "0.2"),
    "valid_from": ("train", "test"),
    "test_fraction": ("0.1", "0.2"),
}


def configuration(model: str = "mmoe", **settings: str) -> Configuration:
    """One scored run of a model, with keys of its data set."""
    texts = {"model.name": model}
    texts |= {f"dataset.{key}": value for key, value in settings.items()}
    run = Run(
        Path(model),
        status="done",
        settings=texts,
        metrics={"valid": {}},
        environment={"data_hash": "d0"},
    )
    return Configuration(texts, [run])


def verdicts(seed_ps: list[float], row_ps: list[float | None]) -> list[Verdict]:
    """The verdicts on gains with these p-values, which are read together."""
    differences = [
        Difference(
            configuration(),
            configuration(),
            1,
            replicate_test=significance.DifferenceTest(0.1, 0.01, seed_p, 8),
            row_test=None
            if row_p is None
            else significance.DifferenceTest(0.1, 0.01, row_p, 8),
        )
        for seed_p, row_p in zip(seed_ps, row_ps, strict=True)
    ]
    correct_p_values(differences)
    return [difference.verdict for difference in differences]


def test_p_values_over_rows_are_corrected_for_their_number() -> None:
    certain = [1e-9, 1e-9]
    assert verdicts(certain[:1], [0.03]) == [Verdict.BETTER]
    # Holm: 2 x 0.03 is above 0.05; 2 x 0.02 and then 0.03 are below.
    assert verdicts(certain, [0.03, 0.03]) == 2 * [Verdict.THESE_ROWS_ONLY]
    assert verdicts(certain, [0.03, 0.02]) == 2 * [Verdict.BETTER]


def test_p_values_over_seeds_are_corrected_for_their_number() -> None:
    without = [None, None]
    assert verdicts([0.03], [None]) == [Verdict.BETTER]
    assert verdicts([0.03, 0.03], without) == 2 * [Verdict.NOT_REAL]
    assert verdicts([0.03, 0.02], without) == 2 * [Verdict.BETTER]


def test_two_configurations_that_are_compared_twice_have_one_test() -> None:
    mmoe, single_task = configuration(), configuration("single_task")
    differences = [
        Difference(
            *pair,
            1,
            scenario,
            replicate_test=significance.DifferenceTest(gain, 0.01, 0.02, 8),
            row_test=significance.DifferenceTest(gain, 0.01, 0.02, 8),
        )
        for pair, scenario, gain in (
            ((mmoe, single_task), "", 0.1),
            ((single_task, mmoe), "", -0.1),
            ((mmoe, single_task), "app", 0.1),
        )
    ]
    correct_p_values(differences[:2])
    assert [d.verdict for d in differences[:2]] == [Verdict.BETTER, Verdict.WORSE]
    assert {d.corrected_replicate_p for d in differences[:2]} == {0.02}
    assert {d.corrected_row_p for d in differences[:2]} == {0.02}
    # On the rows of a scenario, the same two have another test.
    correct_p_values(differences)
    assert [d.corrected_replicate_p for d in differences] == pytest.approx([0.04] * 3)


def test_first_of_several_shared_bottoms_is_the_baseline() -> None:
    names = ["mmoe", "shared_bottom", "shared_bottom", "ple"]
    configurations = [configuration(name) for name in names]
    baseline, _ = choose_baseline(configurations, [], None)
    assert baseline is configurations[1]


def test_first_joint_model_is_the_baseline_without_a_shared_bottom() -> None:
    configurations = [configuration(name) for name in ("single_task", "mmoe", "ple")]
    baseline, reason = choose_baseline(configurations, [], None)
    assert baseline is configurations[1]
    assert reason == "the first that ran with a model other than single_task"
    _, reason = choose_baseline(configurations[1:], [], None)
    assert reason == "the first that ran"


@pytest.mark.parametrize("form", ["{}", "model=mmoe,{}", "{},model=mmoe"])
def test_baseline_is_requested_by_a_list_whose_items_hold_equals_signs(
    form: str,
) -> None:
    files = ["[a/day=1]", "[a/day=1,a/day=2]"]
    configurations = [configuration(train=text) for text in files]
    requested = form.format(f"train={files[1]}")
    baseline, _ = choose_baseline(configurations, ["dataset.train"], requested)
    assert baseline is configurations[1]


@pytest.mark.parametrize("key", SPLIT_SETTINGS)
def test_runs_that_differ_in_a_key_of_the_split_have_other_rows(key: str) -> None:
    usual = {name: values[0] for name, values in SPLIT_SETTINGS.items()}
    other = usual | {key: SPLIT_SETTINGS[key][1]}
    first, second, third = (
        configuration(**settings).all_runs[0] for settings in (usual, usual, other)
    )
    # Nothing tells the rows but the keys: only test rows have saved predictions.
    for split in ("valid", "test"):
        assert runs_have_same_rows([first, second], split, "click")
        assert not runs_have_same_rows([first, third], split, "click")


LABELS = {
    "tasks.click.label": "clicked",
    "tasks.click.sampling_rate": "1",
    "tasks.buy.label": "bought",
    "tasks.buy.sampling_rate": "1",
    "weight_column": "null",
}


@pytest.mark.parametrize(
    ("changed", "heads", "is_same"),
    [
        ({}, "independent", True),
        ({}, "esmm", True),
        ({"tasks.click.label": "liked"}, "independent", False),
        ({"tasks.click.sampling_rate": "0.3"}, "independent", False),
        ({"tasks.click.positive": "yes"}, "independent", False),
        ({"tasks.click.space": "buy"}, "independent", False),
        ({"weight_column": "w"}, "independent", False),
        ({"tasks.click.weight": "3"}, "independent", True),
        ({"tasks.buy.sampling_rate": "0.3"}, "independent", True),
        ({"tasks.buy.sampling_rate": "0.3"}, "esmm", False),
    ],
)
def test_runs_that_differ_in_labels_or_weights_have_other_rows(
    changed: dict[str, str], heads: str, is_same: bool
) -> None:
    pair = [configuration(**LABELS), configuration(**(LABELS | changed))]
    for chosen in pair:
        run = chosen.all_runs[0]
        run.metrics["valid"]["click"] = {"rows": 10}
    pair[0].all_runs[0].settings["model.heads"] = heads  # the other is independent
    runs = [chosen.all_runs[0] for chosen in pair]
    # Nothing tells the weights but the keys: the runs have no saved predictions.
    for split in ("valid", "test"):
        assert runs_have_same_rows(runs, split, "click") == is_same
    assert have_same_validation_rows(pair, "click") == is_same


@pytest.mark.parametrize(
    ("heads", "is_same"),
    [
        (["independent", "funnel"], False),
        (["independent", "ordered"], True),
        (["esmm", "funnel"], True),
    ],
)
def test_heads_decide_whether_the_sampling_rate_of_another_task_weighs_the_rows(
    heads: list[str], is_same: bool
) -> None:
    # `independent` and `funnel` got a verdict on validation rows.
    labels = LABELS | {"tasks.click.sampling_rate": "0.1"}
    pair = [configuration(**labels) for _ in heads]
    runs = [chosen.all_runs[0] for chosen in pair]
    for run, name in zip(runs, heads, strict=True):
        run.settings["model.heads"] = name
        run.metrics["valid"].update(click={"rows": 10}, buy={"rows": 10})
    assert runs_have_same_rows(runs, "valid", "buy") == is_same
    assert have_same_validation_rows(pair, "buy") == is_same
    # The heads weigh the rows of the first step alike.
    assert runs_have_same_rows(runs, "valid", "click")
    assert have_same_validation_rows(pair, "click")


@pytest.mark.parametrize(
    ("scenarios", "is_same"),
    [(["feed", "shop"], False), (["feed", "feed"], True), (["null", "feed"], True)],
)
def test_runs_on_two_single_scenarios_have_no_rows_in_common(
    scenarios: list[str], is_same: bool
) -> None:
    # With equal counts of rows, they got a verdict.
    runs = [configuration(only_scenario=name).all_runs[0] for name in scenarios]
    for split in ("valid", "test"):
        assert runs_have_same_rows(runs, split, "click") == is_same


def test_rows_are_read_of_the_best_configurations_up_to_a_number_of_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"shared_bottom": 0.5, "mmoe": 0.7, "ple": 0.9, "cgc": 0.8}
    scores = []
    for model, value in values.items():
        chosen = configuration(model)
        chosen.all_runs[0].metrics["test"] = {"buy": {"rows": 10}}
        interval = Interval(value, None, 1)
        scores.append(Score(chosen, {1: value}, interval))
    baseline = scores[0].configuration
    comparison: Any = SimpleNamespace(baseline=baseline)
    for direction, rows, expected in (
        (1, 40, ["shared_bottom", "ple", "cgc", "mmoe"]),
        (1, 39, ["shared_bottom", "ple", "cgc"]),
        (-1, 20, ["shared_bottom", "mmoe"]),
        (1, 9, []),
    ):
        monkeypatch.setattr(row_tests, "MAX_PREDICTIONS_RESAMPLED", rows)
        task = Task("buy", "ece", direction, scores)
        tested = row_tests.configurations_to_test(task, comparison)
        assert [x.model for x in tested] == expected


def test_value_of_the_baseline_may_hold_blanks() -> None:
    assert is_same_value("my data.csv", "my data.csv")
    assert is_same_value("[64,32]", "[64, 32]")
    assert not is_same_value("my data.csv", "mydata2.csv")


def test_feature_that_one_configuration_lacks_differs_in_its_kind_alone() -> None:
    tags = {"kind": "sequence", "max_length": "8", "separator": "|"}
    settings = {f"features.tags.{key}": value for key, value in tags.items()}
    shorter = settings | {"features.tags.max_length": "3"}
    with_tags, without_tags = configuration(**settings), configuration()
    assert differing_keys([with_tags, without_tags]) == ["dataset.features.tags.kind"]
    keys = differing_keys([with_tags, without_tags, configuration(**shorter)])
    assert [key.split(".")[-1] for key in keys] == ["kind", "max_length"]


def test_differing_keys_begin_with_the_model_and_end_with_the_longest() -> None:
    keys = ["trainer.early.stop", "trainer.epochs", "model.name", "seed"]
    configurations = [Configuration(dict.fromkeys(keys, x), []) for x in ("1", "2")]
    assert differing_keys(configurations) == [
        "model.name",
        "trainer.epochs",
        "seed",
        "trainer.early.stop",
    ]
