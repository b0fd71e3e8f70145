"""The parser of the command lines of all commands but `mtl-train`."""

import argparse
import re
from importlib.metadata import version
from typing import Any, NoReturn

from mtl_cli.core.errors import ConfigError, suggest


class Parser(argparse.ArgumentParser):
    """A parser that raises a `ConfigError` instead of printing its usage.

    Args:
        settings: settings of `ArgumentParser`.
    """

    def __init__(self, **settings: Any) -> None:
        # Examples in an epilog keep their lines.
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=formatter, allow_abbrev=False, **settings)
        shown = f"mtl-cli {version('mtl-cli')}"
        self.add_argument("--version", action="version", version=shown)

    def error(self, message: str) -> NoReturn:
        unknown = message.rpartition("unrecognized arguments: ")[2].partition(" ")[0]
        # The usage names all flags, also those of groups.
        hint = suggest(unknown, re.findall(r"--[\w-]+", self.format_usage()))
        raise ConfigError(f"{message}{hint}; see {self.prog} --help")
