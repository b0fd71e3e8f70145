"""`load_yaml` loads the values that PyYAML loads, within the limits of `check_yaml`."""

import pytest
import yaml

from mtl_cli.core.load_yaml import load_usual_yaml, load_yaml
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.paths import conf_folder

USUAL = [
    "a: 1\nb: [x, 'y', \"z\\n\", null, ~, '']\nc: {d: {}, e: []}\n",
    "yes: no\n1: 0x1f\n1.5: 1_000\nnull: 1e5\n2026-01-01: 1:30\nempty:\n",
    "text: |\n  first\n  second\nfolded: >-\n  one\n  two\nplain: one\n  two\n",
    "a: 1\na: 2\nb: .inf\nc: 0o17\nd: 017\ne: -1.5e+3\n",
    "? a\n: - b\n  -\n",
    "[1, 'true', true, 2026-01-01 10:00:00]",
    "just text",
    "--- {a: 1}\n...\n",
]
UNUSUAL = [
    "a: &x {b: 1}\nc: *x\nd: {<<: *x}",
    "a: !!str 1\nb: ! 2\nc: !!set {x}\nd: !!binary aGk=",
    "<<: {a: 1}\nb: 2",
    "a: {=: 1}",
    "a: '*&!'",
    "",
    "# a comment",
]
DAMAGED = ["a: [", "a: <<", "a: =", "{[a]: 1}", "a: 1\n---\nb: 2", "a: *b", "!x 1"]
DAMAGED += ["a: 2026-02-31", "a: b: c", "a: \0", "\tx", "a: !!int x", "- {{a: 1}: 2}"]


def test_values_are_those_of_pyyaml() -> None:
    files = [path.read_text("utf-8") for path in conf_folder().rglob("*.yaml")]
    assert files
    for text in [*USUAL, *UNUSUAL, *files]:
        # `repr` tells True from 1, and shows the order of the keys.
        expected = repr(yaml.load(text, yaml.CSafeLoader))
        assert repr(load_yaml(text, "x.yaml")) == expected
    for text in USUAL:
        assert repr(load_usual_yaml(text, "x")) == repr(yaml.safe_load(text))


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_text_raises_the_error_of_pyyaml(text: str) -> None:
    with pytest.raises(Exception) as expected:
        yaml.load(text, yaml.CSafeLoader)
    with pytest.raises(expected.type):
        load_yaml(text, "x.yaml")


@pytest.mark.parametrize("mark", ["", "b: !!int 1\n"])
def test_limits_hold_before_a_value_is_loaded(mark: str) -> None:
    for text, message in [
        (f"a: {'1' * 5000}", "holds a number of 5,000 digits"),
        (f"a: {'[' * 100}", "is nested more than 64 levels deep"),
        (f"a: [{'1,' * 5_001}]", "a list has 5,001 values"),
    ]:
        with pytest.raises(UnsafeFileError, match=message):
            load_yaml(mark + text, "x.yaml")
