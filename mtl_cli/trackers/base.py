"""The base class of trackers; each tracker is one file in this folder."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.nested import flatten
from mtl_cli.core.options import Options
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.secrets import secret_reference_in
from mtl_cli.metrics.score_dict import Scores


class Tracker(Options):
    """Sends the events of a run to a service.

    `conf/tracker/NAME.yaml` holds the values of a tracker's fields.

    A thread of its own calls `start`, then `resume` if the run is resumed, `epoch` for
    each epoch, and `end`. So a slow tracker does not delay training.

    If the `start` of a new run raises an error, the run ends before it reads its data.
    After any other error the run continues, and prints one warning:

    - `OSError` means that the service does not answer. The same call is repeated until
      it succeeds, or until the run has ended.
    - Any other error means that the service refuses the values. The call is not
      repeated.

    Attributes:
        name: name of the tracker's module.
        package: the package that the tracker imports; "" if the tracker needs none. The
            extra `mtl-cli[NAME]` installs the package.
        keys_not_stored: the keys whose values the service does not store. Only these
            values may hold a password.
    """

    package: ClassVar[str] = ""
    keys_not_stored: ClassVar[tuple[str, ...]] = ()
    name: str

    # The time of the event that the current call sends, in seconds since 1970. The call
    # itself comes later if the service did not answer at that time.
    _event_time: float = PrivateAttr(0.0)

    @property
    def destination(self) -> str:
        """The tracker's name, and the service's run or project that gets the values.

        A resumed run sends an epoch again if it has another destination than before.
        Called after `start`.
        """
        return self.name

    def set_event_time(self, seconds: float) -> None:
        self._event_time = seconds

    def check_installed(self) -> None:
        """Raises a `ConfigError` if the package of the service is missing."""
        if not self.package:
            return
        spec = find_spec(self.package)
        # A folder of this name without Python code has a spec whose `origin` is None.
        if spec is None or spec.origin is None:
            raise ConfigError(
                f"tracker: {self.name} needs a package: "
                f"pip install 'mtl-cli[{self.name}]'"
            )

    def check_secrets(self) -> None:
        """Raises a `ConfigError` if the service would store a value with a secret."""
        for key, value in self.model_dump(exclude=set(self.keys_not_stored)).items():
            if reference := secret_reference_in(value):
                raise ConfigError(
                    f"tracker.{key}: {self.name} would store the value of "
                    f"{reference}; give another value"
                )

    def start(self, run: Path, values: dict[str, Any]) -> None:
        """Receives the start of a run, before the run reads its data.

        A resumed run calls `start` again, with the same folder. `values` is the
        configuration, without secrets.
        """

    def resume(self, number: int) -> None:
        """Receives that the run was resumed after the epoch `number`.

        Called right after `start`. The epochs up to this number may have been sent
        already.
        """

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        """Receives the end of an epoch, with its row in `history.csv`.

        The values have the time `_event_time`. A call may be repeated, also by a
        resumed run, with the same values and the same time. The service should then
        hold the epoch once, if it can.
        """

    def end(self, scores: dict[str, Scores] | None) -> None:
        """Receives the end of the run, when all files but `status.json` are written.

        `scores` is {split: the final scores}; None if the run failed.
        """


def flat_numbers(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Turns nested dicts into one dict with dotted keys, and keeps only the numbers.

    >>> flat_numbers({"test": {"buy": {"auc": 0.5, "space": "click = 1"}}})
    {'test.buy.auc': 0.5}
    """
    return {
        key: float(value)
        for key, value in flatten(values, prefix).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def record_id(file: Path, run_id: str) -> None:
    """Keeps a service's id of a run, so that a resumed run goes on in the same one."""
    write_text(file, json.dumps({"run_id": run_id}) + "\n")


def recorded_id(file: Path) -> str | None:
    """Returns the id that `record_id` has kept in a file; None if there is none."""
    try:
        run_id = read_json_object(file)["run_id"]
    except (OSError, ValueError, LookupError):
        return None
    is_id = isinstance(run_id, str) and re.fullmatch(r"\w{8,64}", run_id)
    return run_id if is_id else None
