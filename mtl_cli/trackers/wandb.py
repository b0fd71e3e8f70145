"""The tracker `wandb`: sends runs to a project of Weights & Biases (W&B)."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal
from uuid import uuid4

from pydantic import PrivateAttr

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers

ID_FILE = "wandb.json"  # a file of the run folder
# Limits in seconds. Without a limit, W&B would wait forever at the end of a run.
START_SECONDS, FINISH_SECONDS = 30, 60


class WandB(Tracker):
    """A tracker that logs each run to a project of Weights & Biases.

    Attributes:
        project: name of the project.
        mode: `online` or `offline`. With `offline` the log stays in the run folder
            until `wandb sync` sends it.
    """

    package: ClassVar[str] = "wandb"
    project: str
    mode: Literal["online", "offline"]

    _run: Any = PrivateAttr(None)

    @property
    def destination(self) -> str:
        return f"{self.name} project {self.project}"

    def start(self, run: Path, values: dict[str, Any]) -> None:
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=START_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
        )
        # In the current folder, W&B would read `wandb/settings`. Somebody else may have
        # put that file there, and it may name another server.
        with contextlib.chdir("/"):
            wandb.setup()
        try:
            with masked_arguments():
                self._run = wandb.init(
                    project=self.project,
                    mode=self.mode,
                    dir=str(run),
                    id=run_id(run),
                    # Offline, W&B cannot look up whether the run exists.
                    resume="allow" if self.mode == "online" else None,
                    name=run.name,
                    config=values,
                    settings=settings,
                )
        except wandb.errors.CommError as error:
            reason = first_line(error)
            raise ConnectionError(f"W&B does not answer: {reason}") from error

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        # W&B itself ignores a step that it has received before.
        values = flat_numbers(row) | {"_timestamp": self._event_time}
        self._run.log(values, step=number)

    def end(self, scores: dict[str, Scores] | None) -> None:
        self._run.summary.update(flat_numbers(scores or {}, "final."))
        has_failed = scores is None
        self._run.finish(exit_code=1 if has_failed else 0)


def run_id(run: Path) -> str:
    """Returns the id of the W&B run for a run folder.

    The folder stores the id, so that a resumed run continues the same W&B run.
    """
    path = run / ID_FILE
    recorded = recorded_id(path)
    if recorded is not None:
        return recorded
    new_id = uuid4().hex
    write_text(path, json.dumps({"run_id": new_id}) + "\n")
    return new_id


def recorded_id(path: Path) -> str | None:
    """Returns the id in a file; None if there is no file, or no id in it."""
    try:
        recorded = read_json_object(path)["run_id"]
    except (OSError, ValueError, LookupError):
        return None
    is_id = isinstance(recorded, str) and re.fullmatch(r"\w{8,64}", recorded)
    return recorded if is_id else None


@contextlib.contextmanager
def masked_arguments() -> Iterator[None]:
    """Masks the secrets in `sys.argv` inside the block: W&B records the arguments."""
    arguments = sys.argv
    sys.argv = mask_secrets(list(arguments))
    try:
        yield
    finally:
        sys.argv = arguments
