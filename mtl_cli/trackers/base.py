"""The base class of trackers: the events of a run that each tracker receives."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.nested import flatten
from mtl_cli.core.options import Options
from mtl_cli.core.secrets import secret_in
from mtl_cli.metrics.scores import Scores


class Tracker(Options):
    """The keys of `conf/tracker/*.yaml`, and the methods that send a run to a service.

    A tracker never stops a run that has started, and never delays its training. A
    thread calls `start`, `epoch` and `end`, one after another. An error in `start` ends
    a new run before the run reads its data. After any later error the run goes on, and
    the user sees one warning:

    - `OSError` means that the service does not answer. The same call is repeated until
      it succeeds, or until the run has ended.
    - Any other error means that the service refuses the values. The call is not
      repeated.

    Attributes:
        name: name of the tracker's module.
        package: the package that the tracker imports; the extra `mtl-cli[NAME]`
            installs it. "" if the tracker needs none.
        keys_with_secrets: the keys that may hold a password. The service does not store
            their values.
    """

    package: ClassVar[str] = ""
    keys_with_secrets: ClassVar[tuple[str, ...]] = ()
    name: str

    # When the event of this call happened, in seconds since 1970. The call may come
    # later, if the service did not answer.
    _event_time: float = PrivateAttr(0.0)

    def check_installed(self) -> None:
        """Raises an error if the package of the service is missing."""
        if not self.package:
            return
        spec = find_spec(self.package)
        # A mere folder of this name would be found too, but it has no origin.
        if spec is None or spec.origin is None:
            raise ConfigError(
                f"tracker: {self.name} needs a package: "
                f"pip install 'mtl-cli[{self.name}]'"
            )

    def check_secrets(self) -> None:
        """Raises an error if the service would store a secret, as a name of its own."""
        for key, value in self.model_dump(exclude=set(self.keys_with_secrets)).items():
            if secret := secret_in(value):
                raise ConfigError(
                    f"tracker.{key}: {self.name} would store the value of {secret}; "
                    "give another name"
                )

    def start(self, run: Path, values: dict[str, Any]) -> None:
        """Receives the folder and the configuration of a run, before data are read.

        A resumed run calls `start` again, with the same folder.
        """

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        """Receives the number of an epoch, from 1, and its row in `history.csv`."""

    def end(self, scores: dict[str, Scores] | None) -> None:
        """Receives the final scores by split when the run ends.

        The scores are {} if the run only checked its data, and None if the run failed.
        All files of the run but `status.json` are written before.
        """


def flat_numbers(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Returns the numbers in nested dicts by their dotted keys; drops other values.

    >>> flat_numbers({"test": {"buy": {"auc": 0.5, "space": "click = 1"}}})
    {'test.buy.auc': 0.5}
    """
    return {
        key: float(value)
        for key, value in flatten(values, prefix).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
