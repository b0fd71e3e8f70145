"""Describes the progress of training in lines of text, for the terminal and the log."""

import time
from collections.abc import Mapping

from mtl_cli.heads.base import Output
from mtl_cli.runs.text_tables import format_metric
from mtl_cli.training.progress import Epoch


class ProgressText:
    """Describes the progress of training in lines of text; see `Console.progress`."""

    def __init__(self, epochs: int, outputs: list[Output]) -> None:
        self.epochs, self.outputs = epochs, outputs
        self.valid_text = ""  # the validation metrics of the last finished epoch
        self.last_epoch = ""  # the line of the last finished epoch
        # The time and the trained epochs at the first call of `step`. The remaining
        # time is estimated from there on, because a resumed run may start in the middle
        # of an epoch, and because the first step compiles.
        self.first_step: tuple[float, float] | None = None

    def step(
        self,
        number: int,
        finished: float,
        losses: dict[str, float],
        samples_per_second: float,
    ) -> str:
        """Describes an unfinished epoch; see `Progress.step`."""
        now = time.perf_counter()
        epochs_done = number - 1 + finished
        time_left = ""  # one call is not enough for an estimate
        if self.first_step is None:
            self.first_step = now, epochs_done
        else:
            first_time, first_epochs_done = self.first_step
            seconds_per_epoch = (now - first_time) / (epochs_done - first_epochs_done)
            seconds_left = (self.epochs - epochs_done) * seconds_per_epoch
            # Early stopping may end the training sooner.
            time_left = f"at most {seconds_left:.0f} s left"
        # The most important values come first, since a narrow terminal cuts the end.
        parts = [
            f"epoch {number}/{self.epochs} {finished:4.0%}",
            time_left,
            f"{samples_per_second:,.0f} samples/s",
            self.valid_text,
            f"loss {named_values(losses)}",
        ]
        return "  ".join(filter(None, parts))

    def epoch(self, epoch: Epoch) -> str:
        """Describes a finished epoch, and keeps the line in `last_epoch`.

        The line shows each output's first metric on validation rows, if there are any:
        `valid auc click 0.9000 buy 0.8000`.
        """
        values_by_metric: dict[str, dict[str, float | None]] = {}
        for output in self.outputs if epoch.valid else ():
            metric = output.first_metric
            value = epoch.valid[output.name][metric]
            values_by_metric.setdefault(metric, {})[output.name] = value
        metrics = [f"{name} {named_values(x)}" for name, x in values_by_metric.items()]
        self.valid_text = f"valid {'  '.join(metrics)}" if metrics else ""
        parts = [
            f"epoch {epoch.number}/{self.epochs}",
            f"loss {named_values(epoch.losses)}",
            self.valid_text,
            f"{epoch.samples_per_second:,.0f} samples/s",
            "best so far" if epoch.best else "",
        ]
        if epoch.compile_seconds:
            parts.append(f"compiled in {epoch.compile_seconds:.1f} s")
        self.last_epoch = "  ".join(filter(None, parts))
        return self.last_epoch


def named_values(values: Mapping[str, float | None]) -> str:
    """Lists names and values on one line: `click 0.1234 buy 0.5678`."""
    return " ".join(f"{name} {format_metric(value)}" for name, value in values.items())
