"""Weights & Biases: sends runs to a project."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal
from uuid import uuid4

from pydantic import PrivateAttr

from mtl_cli.core.atomic_write import replacing
from mtl_cli.core.errors import first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.private_doors import outside_of_current_folder
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.metrics.scores import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers

RECORD = "wandb.json"
# Limits in seconds. W&B itself would wait for ever at the end of a run.
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

    def start(self, run: Path, values: dict[str, Any]) -> None:
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=START_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
        )
        # W&B would read `wandb/settings` here. That file may name another server.
        with outside_of_current_folder():
            wandb.setup()
        try:
            with masked_arguments():
                self._run = wandb.init(
                    project=self.project,
                    mode=self.mode,
                    dir=str(run),
                    id=run_id(run),
                    # Without a connection W&B cannot know of an earlier run.
                    resume="allow" if self.mode == "online" else None,
                    name=run.name,
                    config=values,
                    settings=settings,
                )
        except wandb.errors.CommError as error:
            reason = first_line(error)
            raise ConnectionError(f"W&B does not answer: {reason}") from error

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        self._run.log(flat_numbers(row), step=number)

    def end(self, scores: dict[str, Scores] | None) -> None:
        self._run.summary.update(flat_numbers(scores or {}, "final."))
        self._run.finish(exit_code=int(scores is None))


def run_id(run: Path) -> str:
    """Returns the id of the W&B run, under which a resumed run goes on.

    The run folder holds the id in a file.
    """
    path = run / RECORD
    try:
        recorded = read_json_object(path)["run_id"]
        if re.fullmatch(r"\w{8,64}", recorded):
            return str(recorded)
    except (OSError, ValueError, LookupError, TypeError):
        pass  # there is no file, or it is no record
    new = uuid4().hex
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"run_id": new}) + "\n")
    return new


@contextlib.contextmanager
def masked_arguments() -> Iterator[None]:
    """Hides the secrets in the command line from W&B inside the block."""
    arguments = sys.argv
    sys.argv = mask_secrets(list(arguments))
    try:
        yield
    finally:
        sys.argv = arguments
