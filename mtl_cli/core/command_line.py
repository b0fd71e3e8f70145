"""The parser of the command lines of all commands but `mtl-train`."""

import argparse
from typing import Any, NoReturn

from mtl_cli.core.errors import ConfigError, suggest


class Parser(argparse.ArgumentParser):
    """A parser that raises a `ConfigError` instead of printing its usage."""

    def __init__(self, **settings: Any) -> None:
        self.flags: list[str] = []
        super().__init__(**settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        self.flags += [name for name in names if name.startswith("--")]
        return super().add_argument(*names, **settings)

    def error(self, message: str) -> NoReturn:
        unknown = message.rpartition("unrecognized arguments: ")[2].partition(" ")[0]
        hint = suggest(unknown, self.flags)
        raise ConfigError(f"{message}{hint}; see {self.prog} --help")
