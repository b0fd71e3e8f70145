"""Fills the marked places of the pages when the site is built.

A page says `<!-- keys: model ple -->`; the site shows the table of PLE's keys there.
So no key is written down twice. The marks are `cost`, `diagram`, `help`, `keys`,
`metrics` and `packages`.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from costs import costs_table
from diagrams import diagram
from reference import keys_table, metrics_table, packages_table

MARK = re.compile(r"<!-- (cost|diagram|keys|help|metrics|packages): ?([^>]*?) ?-->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replaces the marks of one page."""
    fill: dict[str, Callable[[str], str]] = {
        "cost": costs_table,
        "diagram": lambda model: f'<figure class="net">{diagram(model)}</figure>',
        "keys": lambda names: keys_table(*names.split()),
        "metrics": metrics_table,
        "help": command_help,
        "packages": packages_table,
    }
    return MARK.sub(lambda mark: fill[mark[1]](mark[2]), markdown)


def command_help(command: str) -> str:
    """Returns what `command --help` prints, as a block of text."""
    program = [sys.executable, "-m", f"mtl_cli.cli.{command.removeprefix('mtl-')}"]
    shown = subprocess.run(
        [*program, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "88", "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )
    return f"```text\n{shown.stdout.rstrip()}\n```"
