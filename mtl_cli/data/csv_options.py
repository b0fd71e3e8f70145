"""The keys `csv.*` of a data set: the rules by which its text files are written."""

from typing import Annotated

from pydantic import Field, model_validator

from mtl_cli.core.options import Options


class Csv(Options):
    """How the data set's text files are written.

    Attributes:
        delimiter: the character between cells; null is the tab in `.tsv` files and the
            comma in other files.
        columns: the names of the columns, for files whose first line is not a header.
        trim: whether to cut spaces at both ends of cells and of column names.
        null_values: the texts that mark a missing value, besides the empty cell; at
            most 1000 characters each.
    """

    delimiter: str | None = None
    columns: Annotated[list[str], Field(min_length=1)] | None = None
    trim: bool = False
    # Arrow calls a function recursively for each character of such a text, so a long
    # text would overflow the stack.
    null_values: list[Annotated[str, Field(max_length=1000)]] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _check_delimiter(self) -> "Csv":
        delimiter = "," if self.delimiter is None else self.delimiter
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
            raise ValueError(
                f"delimiter: {delimiter!r} is not one ASCII character other than a "
                "quote or the end of a line"
            )
        return self
