"""The page and the model card of a finished run."""

from types import SimpleNamespace
from typing import Any

import pytest

from mtl_cli.core import secrets
from mtl_cli.runs import report_page
from mtl_cli.runs.report_page import fact_table, headline


def test_secret_in_the_name_of_an_averaged_run_is_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secrets, "_references", {"4815162": "${oc.env:TOKEN}"})
    run: Any = SimpleNamespace(
        config=SimpleNamespace(
            model=SimpleNamespace(name="ple"),
            encoder=SimpleNamespace(name="concat"),
            chosen_tasks=["click"],
            dataset=SimpleNamespace(used_features=["user"]),
        ),
        data=SimpleNamespace(report={"splits": {"train": 100}}),
        environment={
            "versions": {},
            "parameters": 10,
            "data_hash": "0",
            "ensemble": [{"run": "run-4815162"}, {"run": "other"}],
        },
    )
    assert fact_table(run)["mean of"] == "2 runs: run-${oc.env:TOKEN}, other"


@pytest.mark.parametrize(
    ("numbers", "value", "interval"),
    [
        ((0.9, 0.89, 0.91), "0.9000", "0.8900 to 0.9100"),
        ((-1e-9, -0.1, 0.1), "0.0000", "-0.1000 to 0.1000"),
        ((12345.6789, 12000.0, 13000.0), "12,345.7", "12,000.0 to 13,000.0"),
        ((4.2e-5, None, None), "4.20e-05", ""),
        ((None, None, None), "-", ""),
    ],
)
def test_headline_formats_numbers_as_the_tables_do(
    numbers: tuple[float | None, ...],
    value: str,
    interval: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metric = dict(zip(("value", "low", "high"), numbers, strict=True))
    monkeypatch.setattr(report_page, "metric_with_interval", lambda *args: metric)
    run: Any = SimpleNamespace(
        split="test",
        scores={"test": {"click": {"mse": numbers[0], "rows": 10}}},
        rows_by_output={"click": None},
    )
    output: Any = SimpleNamespace(name="click", title="click", first_metric="mse")
    shown = headline(run, output)
    assert (shown["value"], shown["interval"]) == (value, interval)
