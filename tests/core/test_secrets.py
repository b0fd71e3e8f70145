"""Secrets of the environment: which are remembered, and what masks them."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from mtl_cli.core import secrets
from mtl_cli.core.secrets import add_secrets, mask_secrets, tracked_secrets

SECRET = 'pa\\ss"é'
MASK = "${oc.env:DB_PASSWORD}"


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_variables", {})
    secrets.track_secrets()


def resolved(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(name, value)
    return OmegaConf.to_container(
        OmegaConf.create({"key": f"${{oc.env:{name}}}"}), resolve=True
    )


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("DB_PASSWORD", "hunter2", True),
        ("API_KEY", "hunter2", True),
        ("TOKENS", "hunter2", True),
        ("SECRET_NAME", "hunter2", True),
        ("credential", "hunter2", True),
        ("KEYBOARD", "hunter2", False),
        ("DATA_FOLDER", "hunter2", False),
        ("API_KEY", "sixsix", True),
        ("API_KEY", "five5", False),
    ],
)
def test_variable_is_a_secret_by_its_name_and_length(
    name: str, value: str, is_secret: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolved(name, value, monkeypatch) == {"key": value}
    assert tracked_secrets() == ({value: name} if is_secret else {})


def test_default_of_an_unset_secret_is_a_secret_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("API_KEY", raising=False)
    values = OmegaConf.create({"key": "${oc.env:API_KEY,hunter2}"})
    assert (values.key, tracked_secrets()) == ("hunter2", {"hunter2": "API_KEY"})


def test_all_texts_of_nested_values_are_masked() -> None:
    add_secrets({SECRET: "DB_PASSWORD"})
    values = {"uri": f"db://u:{SECRET}@host", SECRET: [SECRET, 3, None, [repr(SECRET)]]}
    masked = {"uri": f"db://u:{MASK}@host", MASK: [MASK, 3, None, [f"'{MASK}'"]]}
    assert mask_secrets(values) == masked


def test_longer_secret_is_masked_before_a_shorter_one_in_it() -> None:
    add_secrets({"hunter": "SHORT_KEY", "hunter2hunter": "LONG_KEY"})
    assert mask_secrets("hunter2hunter hunter") == (
        "${oc.env:LONG_KEY} ${oc.env:SHORT_KEY}"
    )
