"""The page and the model card of a finished run."""

from types import SimpleNamespace
from typing import Any

import pytest

from mtl_cli.core import secrets
from mtl_cli.runs.report_page import fact_table


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
