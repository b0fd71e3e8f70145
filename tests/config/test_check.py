"""The messages about wrong configurations."""

import pytest
from helpers.composition import composed
from omegaconf import OmegaConf
from pydantic import ValidationError

from mtl_cli.config.check import check
from mtl_cli.config.interpolations import resolved
from mtl_cli.config.start_from import StartFrom
from mtl_cli.config.validation_errors import explain
from mtl_cli.core import secrets
from mtl_cli.core.errors import ConfigError


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


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Neither the unknown key itself nor the keys below it are suggested.
        (
            ["+learning_rate_schedule={x: 1}"],
            "unknown key 'learning_rate_schedule'; known keys: seed, ",
        )
    ],
)
def test_no_unknown_key_is_suggested(settings: list[str], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(composed(*settings))
    assert expected in str(caught.value)
    assert "did you mean" not in str(caught.value)


def test_empty_section_is_told_with_its_rule() -> None:
    config = composed()
    config.dataset.features = {}
    with pytest.raises(ConfigError, match=r"^dataset.features: {} should have at leas"):
        check(config)


def test_missing_keys_of_two_sections_belong_into_their_files() -> None:
    message = "missing keys 'model.num_levels', 'trainer.epochs'; add them to the YAML"
    with pytest.raises(ConfigError, match=message):
        check(composed("~model.num_levels", "~trainer.epochs"))


def test_value_to_fill_in_is_not_taken_for_null() -> None:
    config = OmegaConf.create({"hydra": {"run": {"dir": "???"}}})
    with pytest.raises(ConfigError, match=r"^hydra\.run\.dir: the value is missing;"):
        resolved(config, "hydra.run.dir")
    assert resolved(config, "hydra.sweep") is None
