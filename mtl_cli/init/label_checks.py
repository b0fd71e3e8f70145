"""Refuses columns that cannot hold the labels of a task."""

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import counted
from mtl_cli.init.column_profile import MAX_TEXTS_AMONG_NUMBERS, ColumnProfile
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.convertible_text import convertible_remark
from mtl_cli.init.task_proposal import MAX_CLASSES


def check_label(message_start: str, column: ColumnProfile) -> None:
    """Refuses a column that cannot hold labels; errors begin with `message_start`."""
    if column.kind == "empty":
        raise DataError(
            f"{message_start} is empty in all rows; a label needs two different values"
        )
    if column.kind in ("list", "time", "other"):
        plurals = {"list": "lists", "time": "times"}
        values = plurals.get(column.kind, str(column.arrow_type))
        rule = "a label is a number, a word or a boolean"
        raise DataError(f"{message_start} holds {values}; {rule}")
    if column.num_distinct == 1:
        value = shorten(column.values[0].as_py())
        rule = "a label needs two different values"
        if column.num_missing:
            rule += "; if the empty cells mean 0, write 0 into these cells"
        raise DataError(f"{message_start} holds nothing but '{value}'; {rule}")
    if special := special_text_in(column.name):
        raise DataError(
            f"{message_start} has a name with '{special}', which configs cannot hold; "
            "rename the column"
        )
    for value in column.most_frequent(MAX_CLASSES):
        if special := special_text_in(value):
            raise DataError(
                f"{message_start} holds '{value}', and configs cannot hold "
                f"'{special}'; replace the value"
            )


def special_text_in(text: str) -> str:
    """Returns the part of a text that OmegaConf would not read as text, or "".

    OmegaConf reads `${` as a reference to another key, and `???` as a missing value.
    """
    if "${" in text:
        return "${"
    return "???" if text == "???" else ""


def too_many_texts_error(message_start: str, column: ColumnProfile) -> DataError:
    """Returns the error for a label column of too many different texts."""
    texts, num_cells = column.non_numbers()
    if remark := convertible_remark(column):
        fix = remark
    elif len(texts) <= MAX_TEXTS_AMONG_NUMBERS:
        cells = counted(num_cells, "cell")
        them = "it" if num_cells == 1 else "them"
        fix = f"all are numbers, except {', '.join(texts)} in {cells}: clear {them}"
    else:
        fix = (
            f"a task has at most {MAX_CLASSES} classes: group the texts, or name "
            "another column"
        )
    return DataError(
        f"{message_start} holds {column.num_distinct:,} different texts; {fix}"
    )
