"""Frozen weights that start fresh are refused; those of single features are named."""

from types import SimpleNamespace
from typing import Any

import pytest

from mtl_cli.core.errors import ConfigError
from mtl_cli.network.transfer import BlockName
from mtl_cli.runs.frozen_parts import check_frozen_parts

USER = BlockName("embeddings", "table", "user", "")
PRICE = BlockName("embeddings", "table", "price", "")
EXPERT = BlockName("experts", "experts", "1", "0.kernel")
USER_ROWS = EXPERT._replace(feature="user")
PRICE_ROWS = EXPERT._replace(feature="price")
GATE = BlockName("gates", "gate", "click", "kernel", "1")
NEW_GATE = BlockName("gates", "gate", "buy", "kernel", "1")
TOWER = BlockName("towers", "tower", "click", "0.kernel")
NEW_TOWER = BlockName("towers", "tower", "buy 2", "0.kernel")
OUT = "of start_from.freeze"


def warnings(
    freeze: list[str],
    goes_on: list[BlockName],
    fresh: list[BlockName],
    reasons: dict[Any, str] | None = None,
) -> list[str]:
    """Checks a run in which the feature user goes on, and price starts fresh."""
    config: Any = SimpleNamespace(start_from=SimpleNamespace(freeze=freeze))
    earlier: Any = SimpleNamespace(learnt={"user": {}})
    blocks = [*goes_on, *fresh]
    return check_frozen_parts(config, earlier, blocks, fresh, reasons or {})


def test_parts_that_go_on_or_are_not_frozen_pass() -> None:
    fresh = [PRICE, PRICE_ROWS, NEW_GATE, NEW_TOWER]
    assert warnings([], [], fresh) == []
    assert warnings(["towers"], [USER, TOWER], [PRICE]) == []


@pytest.mark.parametrize(
    ("freeze", "goes_on", "fresh", "message"),
    [
        (
            "towers",
            [USER, TOWER],
            [NEW_TOWER],
            "towers: tower of buy 2: would stay at random weights, because no weights "
            f"of the earlier run fit them; leave towers out {OUT}",
        ),
        (
            "gates",
            [GATE],
            [NEW_GATE],
            "gates: gate of buy for expert 1: would stay at random weights, because no "
            f"weights of the earlier run fit them; leave gates out {OUT}",
        ),
        (  # only the kernel has another shape
            "towers",
            [TOWER],
            [TOWER._replace(piece="1.kernel")],
            "towers: tower of click: would stay at random weights, because no weights "
            f"of the earlier run fit them; leave towers out {OUT}",
        ),
        (
            "embeddings",
            [TOWER],
            [USER, PRICE],
            "embeddings: table of user, price: would stay at random weights, because "
            f"no weights of the earlier run fit them; leave embeddings out {OUT}",
        ),
        (  # the kernel of another encoding, which reads a feature that goes on
            "experts",
            [EXPERT._replace(piece="0.bias")],
            [USER_ROWS, PRICE_ROWS],
            "experts: experts of 1: would stay at random weights, because no weights "
            f"of the earlier run fit them; leave experts out {OUT}",
        ),
    ],
)
def test_frozen_weights_that_start_fresh_are_refused(
    freeze: str, goes_on: list[BlockName], fresh: list[BlockName], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        warnings([freeze], goes_on, fresh)
    assert str(error.value) == f"start_from.freeze: {message}"


def test_reason_why_a_frozen_part_starts_fresh_is_named() -> None:
    with pytest.raises(ConfigError) as error:
        warnings(["experts"], [], [EXPERT], {"experts": "the model was ple, is mmoe"})
    assert str(error.value) == (
        "start_from.freeze: experts: experts of 1: would stay at random weights, "
        f"because the model was ple, is mmoe; leave experts out {OUT}"
    )


def test_frozen_weights_of_fresh_features_are_named_in_one_warning() -> None:
    fresh = [PRICE, PRICE_ROWS]
    (warning,) = warnings(["experts", "embeddings"], [USER, USER_ROWS], fresh)
    assert warning == (
        "start_from.freeze: these features start fresh, so their frozen weights stay "
        "random: price"
    )
