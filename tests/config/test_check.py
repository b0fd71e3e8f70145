"""The messages about wrong configurations."""

import pytest
from pydantic import ValidationError

from mtl_cli.config.check import explain
from mtl_cli.config.start_from import StartFrom
from mtl_cli.core import secrets


def test_no_part_of_a_secret_remains_in_a_value_that_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = "hunter2hunter2hunter2"
    monkeypatch.setattr(secrets, "_references", {secret: "${oc.env:DB_PASSWORD}"})
    values = {"run": ["a" * 40, secret]}
    with pytest.raises(ValidationError) as caught:
        StartFrom.model_validate(values)
    message = explain(caught.value, values)
    assert message.startswith('run: ["aaa') and "should be a valid str" in message
    assert "hunter" not in message
