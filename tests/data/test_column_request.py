"""A table without a column is refused, and a column with nearly its name suggested."""

import pytest

from mtl_cli.core.errors import DataError
from mtl_cli.data.column_request import ColumnRequest


def message(column: str, *names: str) -> str:
    request = ColumnRequest({column: f"dataset.features.{column}"}, {})
    with pytest.raises(DataError) as caught:
        request.check("TABLE", "may.csv", list(names))
    return str(caught.value)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("age", "Age"),
        ("hour", "huor"),
        ("price", "prize"),
        ("clicks", "click"),
        ("ctr_7d", "ctr7d"),
    ],
)
def test_column_with_nearly_the_same_name_is_suggested(column: str, name: str) -> None:
    assert message(column, "city", name).endswith(
        f"may.csv, which has city, {name}; did you mean {name}?"
    )


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("position", "condition"),
        ("user_age", "user"),
        ("user_age", "user_id"),
        ("item_price", "item_id"),
        ("dwell_time", "event_time"),
        ("x", "y"),
    ],
)
def test_another_column_is_not_suggested(column: str, name: str) -> None:
    assert message(column, "city", name).endswith(f"which has city, {name}")


def test_column_that_is_requested_too_is_not_suggested() -> None:
    keys = dict.fromkeys(["recent", "recent_w"], "dataset.features.recent")
    with pytest.raises(DataError, match="which has recent_w; if the file"):
        ColumnRequest(keys, {}).check("TABLE", "may.csv", ["recent_w"])


def test_suggested_name_shows_its_spaces() -> None:
    assert message("age", "city", " age").endswith("; did you mean ' age'?")


def test_message_about_a_table_without_columns_says_none() -> None:
    assert message("age").endswith("may.csv, which has none")
