"""The tracker `wandb`: sends runs to a project of Weights & Biases (W&B)."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal
from uuid import uuid4

from pydantic import PrivateAttr

from mtl_cli.core.errors import first_line
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers, record_id, recorded_id

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
        # W&B writes values some time after a call, so a killed process loses the last
        # ones. Each process has a folder of its own, and gets all epochs.
        return f"{self.name} {Path(self._run.dir).parent.name}"

    def start(self, run: Path, values: dict[str, Any]) -> None:
        import wandb

        run_id = recorded_id(run / ID_FILE)
        if run_id is None:
            run_id = uuid4().hex
            record_id(run / ID_FILE, run_id)
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
                    id=run_id,
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
        self._run.finish(exit_code=1 if scores is None else 0)


@contextlib.contextmanager
def masked_arguments() -> Iterator[None]:
    """Masks the secrets in `sys.argv` inside the block: W&B records the arguments."""
    arguments = sys.argv
    sys.argv = mask_secrets(list(arguments))
    try:
        yield
    finally:
        sys.argv = arguments
