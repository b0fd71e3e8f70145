"""YAML texts above a limit are refused; texts at the limit are read."""

import pytest
import yaml

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.yaml_limits import MAX_YAML_LIST, check_yaml


def with_list(num_values: int) -> str:
    return yaml.safe_dump({"a": [1, {"b": list(range(num_values))}]})


def test_list_is_read_up_to_its_limit() -> None:
    check_yaml(with_list(MAX_YAML_LIST), "x.yaml")
    with pytest.raises(UnsafeFileError) as caught:
        check_yaml(with_list(MAX_YAML_LIST + 1), "x.yaml")
    message = "x.yaml: a list has 5,001 values; at most 5,000 are read"
    assert str(caught.value) == message


@pytest.mark.slow
def test_many_keys_may_have_more_values_than_a_list() -> None:
    features = {f"f{i}": {"kind": "sparse"} for i in range(2 * MAX_YAML_LIST)}
    check_yaml(yaml.safe_dump({"features": features}), "x.yaml")


def test_list_that_contains_itself_is_refused() -> None:
    with pytest.raises(UnsafeFileError, match="a YAML alias contains itself"):
        check_yaml("a: &a [1, *a]", "x.yaml")


@pytest.mark.parametrize("value", ["{}", "!!int '{}'", '!!float "{}"', "[{}]"])
def test_number_of_very_many_digits_is_refused_unless_it_is_text(value: str) -> None:
    digits = "1" * 1200
    with pytest.raises(UnsafeFileError, match="holds a number of 1,200 digits"):
        check_yaml(f"a: {value.format(digits)}", "x.yaml")
    check_yaml(f"a: '{digits}'", "x.yaml")
    check_yaml(f"a: |\n  {digits}", "x.yaml")
