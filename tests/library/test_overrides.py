"""Keyword settings become the overrides that a user would type."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from mtl_cli.api.train import asks_for_sweep, overrides_of
from mtl_cli.core.errors import ConfigError


def parsed(value: Any) -> Any:
    """Returns the value that Hydra reads from the override of a value."""
    (override,) = OverridesParser.create().parse_overrides(overrides_of({"key": value}))
    assert (override.key_or_group, override.is_sweep_override()) == ("key", False)
    return override.value()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_stays_the_same_text(text: str) -> None:
    assert parsed(text) == text


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("ab '\"\\,:[]{}=$1", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=3))
def test_every_list_stays_the_same_list(values: list[Any]) -> None:
    assert parsed(values) == values


def test_dicts_become_dotted_keys_and_python_values_yaml_values() -> None:
    settings = {
        "model": "ple",
        "model.num_levels": np.int64(2),
        "trainer": {"epochs": 2, "patience": None, "compile": False},
        "optimizer": {"learning_rate": 1e-3},
        "tasks": ("income",),
        "dataset": {"train": Path("my rows.csv"), "csv": {}},
    }
    assert overrides_of(settings) == [
        "model=ple",
        "model.num_levels=2",
        "trainer.epochs=2",
        "trainer.patience=null",
        "trainer.compile=false",
        "optimizer.learning_rate=0.001",
        "tasks=[income]",
        "dataset.train='my rows.csv'",
        "dataset.csv={}",
    ]


@pytest.mark.parametrize("value", [{1, 2}, np.array([1]), np.array([1, 2])])
def test_value_that_no_yaml_holds_is_refused(value: object) -> None:
    message = f"seed: a configuration cannot hold {type(value).__name__}; "
    with pytest.raises(ConfigError, match=message):
        overrides_of({"seed": value})


def test_table_is_refused_with_the_way_to_give_it() -> None:
    with pytest.raises(ConfigError, match="DataFrame; write the table to a file"):
        overrides_of({"dataset": {"train": pd.DataFrame({"x": [1]})}})


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"dataset": {"features": {"a b": {"kind": "dense"}}}}, "a b.kind"),
        ({"dataset.features.âge.kind": "dense"}, "âge"),
        ({"tasks": [{"null": 1}]}, "null"),
        ({"tasks": [{"a:b": 1}]}, "a:b"),
    ],
)
def test_key_that_no_override_can_hold_is_refused(
    settings: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError, match=f"{key}.*write this setting to a YAML file"):
        overrides_of(settings)


def test_groups_and_packages_are_keys() -> None:
    settings = {"hydra/launcher": "joblib", "model@other": "ple"}
    assert overrides_of(settings) == ["hydra/launcher=joblib", "model@other=ple"]


@pytest.mark.parametrize(
    "override",
    [
        "repeats=2",
        "compare.single_task=true",
        "compare.scenarios=[a]",
        "compare={single_task: true}",
        "hydra.mode=MULTIRUN",
        "-m",
        "-mr",
        "--multirun",
        "sweep=optuna_ple",
        "seed=1,2",
    ],
)
def test_setting_that_adds_runs_asks_for_a_sweep(override: str) -> None:
    assert asks_for_sweep(override)


@pytest.mark.parametrize(
    "override",
    [
        "repeats=1",
        "compare.single_task=false",
        "compare.scenarios=[]",
        "compare.scenarios=[ ]",
        "hydra.mode=RUN",
        "sweep=null",
        "seed=1",
    ],
)
def test_setting_that_adds_no_runs_asks_for_no_sweep(override: str) -> None:
    assert not asks_for_sweep(override)


@given(VALUES)
def test_no_python_value_asks_for_a_sweep(value: Any) -> None:
    for override in overrides_of({"key": value}):
        assert not asks_for_sweep(override)


def test_text_with_apostrophe_and_comma_asks_for_no_sweep() -> None:
    (override,) = overrides_of({"dataset.train": "it's mine, yours.csv"})
    assert not asks_for_sweep(override)
