"""A part of an evaluation: a heading, tables and sentences."""

from dataclasses import dataclass, field

from mtl_cli.runs.score_table import Cells


@dataclass(frozen=True)
class Section:
    """A part of an evaluation.

    Attributes:
        title: the heading.
        tables: the tables; the first row of each is its header.
        lines: sentences below the tables.
    """

    title: str
    tables: list[Cells] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
