"""What a tracker is told of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import Options
from mtl_cli.metrics.scores import Scores


class Tracker(Options):
    """The keys of `conf/tracker/*.yaml`, and the service that they name.

    Attributes:
        name: the module that holds the tracker.
        package: that it imports, which an extra of its name brings; "" for none.
    """

    package: ClassVar[str] = ""
    name: str

    def check_installed(self) -> None:
        """Raises an error if the package of the service is missing."""
        found = find_spec(self.package) if self.package else True
        # A folder of that name where the command starts counts as a package too.
        if found is None or getattr(found, "origin", self) is None:
            raise ConfigError(
                f"tracker: {self.name} needs a package: "
                f"pip install 'mtl-cli[{self.name}]'"
            )

    def start(self, run: Path, values: dict[str, Any]) -> None:
        """Is told of a run's folder and configuration, before its data is read."""

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        """Is told of an epoch: losses and validation metrics by their names."""

    def end(self, scores: dict[str, Scores] | None) -> None:
        """Is told of the end: scores by split and task, or None if the run failed."""

    @contextmanager
    def following(self, run: Path, values: dict[str, Any]) -> Iterator[None]:
        """Tells of the start of a run, and of its end if it fails."""
        self.start(run, values)
        try:
            yield
        except BaseException:
            self.end(None)
            raise


def numbers(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Returns the numbers among nested values, by their keys joined with points.

    >>> numbers({"test": {"buy": {"auc": 0.5, "space": "click = 1"}}})
    {'test.buy.auc': 0.5}
    """
    found: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{key}"] = float(value)
    return found
