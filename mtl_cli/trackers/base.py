"""The events of a run that trackers receive."""

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
        name: name of the tracker's module.
        package: package that the tracker imports, installed by the extra of the same
            name; "" for none.
    """

    package: ClassVar[str] = ""
    name: str

    def check_installed(self) -> None:
        """Raises an error if the package of the service is missing."""
        if not self.package:
            return
        spec = find_spec(self.package)
        # A folder of this name in the current folder is a package without an origin.
        if spec is None or spec.origin is None:
            raise ConfigError(
                f"tracker: {self.name} needs a package: "
                f"pip install 'mtl-cli[{self.name}]'"
            )

    def start(self, run: Path, values: dict[str, Any]) -> None:
        """Receives a run's folder and configuration before the run reads its data."""

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        """Receives the losses and validation metrics of an epoch, by name."""

    def end(self, scores: dict[str, Scores] | None) -> None:
        """Receives the final scores by split and task, or None if the run failed."""

    @contextmanager
    def following(self, run: Path, values: dict[str, Any]) -> Iterator[None]:
        """Calls `start`, and `end` if the run fails."""
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
    flat: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[f"{prefix}{key}"] = float(value)
    return flat
