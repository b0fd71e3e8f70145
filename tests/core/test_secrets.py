"""Secrets of the environment: which are remembered, and what masks them."""

import json
import math
import time
from typing import Any
from urllib.parse import quote

import pytest
from omegaconf import OmegaConf

from mtl_cli.core import secrets
from mtl_cli.core.secret_resolvers import track_secrets
from mtl_cli.core.secrets import add_secrets, mask_secrets, tracked_secrets

SECRET = 'pa\\ss"é'
MASK = "${oc.env:DB_PASSWORD}"


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_references", {})
    monkeypatch.setattr(secrets, "_number_references", {})
    track_secrets()


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
    expected = {value: f"${{oc.env:{name}}}"} if is_secret else {}
    assert tracked_secrets() == expected


def test_default_of_an_unset_secret_is_a_secret_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("API_KEY", raising=False)
    values = OmegaConf.create({"key": "${oc.env:API_KEY,hunter2}"})
    assert values.key == "hunter2"
    assert tracked_secrets() == {"hunter2": "${oc.env:API_KEY}"}


def test_all_texts_of_nested_values_are_masked() -> None:
    add_secrets({SECRET: MASK, "1234567": MASK})
    values = {"path": f"a/{SECRET}/b", SECRET: [SECRET, 3, None, [1234567, True]]}
    masked = {"path": f"a/{MASK}/b", MASK: [MASK, 3, None]}
    masked[MASK].append([f"${{oc.decode:{MASK}}}", True])
    assert mask_secrets(values) == masked


@pytest.mark.parametrize(
    "spelled",
    [SECRET, repr(SECRET), json.dumps(SECRET), quote(SECRET, ""), f"x{SECRET}{SECRET}"],
)
def test_every_spelling_of_a_secret_is_masked(spelled: str) -> None:
    add_secrets({SECRET: MASK})
    masked = mask_secrets(spelled)
    assert MASK in masked
    assert masked.replace(MASK, "").strip("'\"x") == ""


def test_longer_secret_is_masked_before_a_shorter_one_in_it() -> None:
    add_secrets({"hunter": "${oc.env:SHORT}", "hunter2hunter": "${oc.env:LONG}"})
    assert mask_secrets("hunter2hunter hunter") == "${oc.env:LONG} ${oc.env:SHORT}"


def test_user_and_secret_parameters_of_a_url_are_hidden() -> None:
    url = "s3://me:pass@host/rows?sig=ab'c&x=1&api_key=k&X-Amz-Signature=d"
    masked = "s3://***@host/rows?sig=***&x=1&api_key=***&X-Amz-Signature=***"
    assert mask_secrets(url) == masked
    assert mask_secrets("me@host?sig=abc") == "me@host?sig=abc"  # no URL


@pytest.mark.parametrize("password", ["pa/ssw0rd", "p?w", "p#w", "p@w", "p'w", "7x/y"])
def test_password_with_characters_of_a_url_is_hidden(password: str) -> None:
    text = f"cannot reach postgresql://u:{password}@host/x; correct it"
    masked = "cannot reach postgresql://***@host/x; correct it"
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8080/a@b",
        "s3://bucket/a@b",
        '{"a": "http://host:x", "b": "me@host"}',
        "see https://host:x or ask me@host",
    ],
)
def test_url_without_a_password_stays(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize("text", ["://a:" * 20_000, "://?" + "key" * 20_000])
def test_text_that_almost_holds_passwords_is_not_searched_for_minutes(
    text: str,
) -> None:
    start = time.process_time()
    assert mask_secrets(text) == text
    assert time.process_time() - start < 3  # once took 12 s and 6 s


@pytest.mark.parametrize("secret", ["000000", "000012", "1.0000", "infinity"])
def test_secret_that_is_a_common_number_masks_no_numbers(secret: str) -> None:
    add_secrets({secret: MASK})
    values = [0, 0.0, False, 12, 1, True, math.inf]
    assert mask_secrets(values) == values


@pytest.mark.parametrize("number", [1234567, 2**53 + 1, -(2**63) + 1, 1234567.25])
def test_number_that_is_a_secret_is_masked(number: float) -> None:
    add_secrets({str(number): MASK})
    assert mask_secrets([number, str(number)]) == [f"${{oc.decode:{MASK}}}", MASK]


def test_values_that_are_decoded_from_a_secret_are_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "[1234567, abcdefg, true]")
    values = OmegaConf.create({"key": "${oc.decode:${oc.env:DB_PASSWORD}}"})
    assert list(values.key) == [1234567, "abcdefg", True]
    reference = f"${{oc.decode:{MASK}}}"
    decoded = {"1234567": reference, "abcdefg": reference}
    assert tracked_secrets().items() >= decoded.items()


@pytest.mark.parametrize("text", ["x%%{}", "{}", "{}-%%"])
def test_secret_in_the_format_of_the_time_is_a_secret(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter%%2")  # the format makes it hunter%2
    pattern = text.format("${oc.env:DB_PASSWORD}")
    values = OmegaConf.create({"key": f"${{now:{pattern}}}"})
    assert "hunter%2" in values.key
    assert mask_secrets(values.key) == f"${{now:{MASK}}}"


def test_time_without_a_secret_is_the_same_all_over_a_configuration() -> None:
    values = OmegaConf.create({"a": "${now:%H%M%S-%f}", "b": "${now:%H%M%S-%f}"})
    assert values.a == values.b
    assert mask_secrets(values.a) == values.a
    assert not tracked_secrets()


def test_secret_that_yaml_has_broken_at_a_blank_is_masked() -> None:
    secret = "hunter two"
    add_secrets({secret: MASK})
    for start in range(60, 90):
        for quote_ in ("", "'", "\u0007"):  # plain, single and double quotes
            value = f"{'x' * start}{quote_} {secret} {'y' * 30}"
            written = OmegaConf.to_yaml({"key": value})
            masked = mask_secrets(written)
            assert "hunter" not in masked
            assert "two" not in masked
