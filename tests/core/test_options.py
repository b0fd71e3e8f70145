"""Keys that are numbers refuse what is no number, and what float32 cannot hold."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mtl_cli.config.groups import AXIS_OF_GROUP, KINDS
from mtl_cli.config.sweep_options import SweepOptions
from mtl_cli.config.trainer import Trainer
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.option_keys import build_option
from mtl_cli.core.options import FractionBelowOne, Options
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads
from mtl_cli.towers.base import Towers

AXES = [*AXIS_OF_GROUP.values(), *KINDS.items()]
AXES += [("gates", Gate), ("heads", Heads), ("towers", Towers)]
# These keys are compared with numbers of tables, which need not fit float32.
OF_TABLES = {"missing", "positive"}


def numeric_keys() -> dict[str, Any]:
    """Returns {key: its type} for all keys of options that may be numbers."""
    classes: list[type[Options]] = [SweepOptions, Trainer]
    for axis, base in AXES:
        classes += [option_class(axis, name, base) for name in option_names(axis)]
    types = {
        f"{cls.__name__}.{key}": Annotated[field.annotation, *field.metadata, None]
        for cls in classes
        for key, field in cls.model_fields.items()
        if key not in OF_TABLES
    }
    return {key: t for key, t in types.items() if accepts(t, 1) or accepts(t, 0.5)}


def accepts(annotation: Any, value: object) -> bool:
    """Whether a value fits a type."""
    try:
        TypeAdapter(annotation).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


NUMERIC_KEYS = numeric_keys()


@pytest.mark.parametrize("key", NUMERIC_KEYS)
def test_key_refuses_booleans_and_numbers_that_float32_cannot_hold(key: str) -> None:
    allows_zero = accepts(NUMERIC_KEYS[key], 0)
    assert not accepts(NUMERIC_KEYS[key], True)
    assert not accepts(NUMERIC_KEYS[key], 1e39)
    assert allows_zero or not accepts(NUMERIC_KEYS[key], 1e-46)


def test_fraction_that_float32_rounds_to_one_is_refused() -> None:
    assert accepts(FractionBelowOne, 0.9999999)
    assert not accepts(FractionBelowOne, 0.999999999999)


def test_true_is_no_default_of_another_option_of_which_the_default_is_1() -> None:
    keys = {"gate_gamma": True}
    with pytest.raises(ValueError, match="gate_gamma: only"):
        build_option("gates", "softmax", Gate, keys, "model.gate")
    build_option("gates", "softmax", Gate, {"gate_gamma": 1}, "model.gate")
