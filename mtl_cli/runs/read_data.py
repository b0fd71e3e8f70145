"""Reads the data of a run, and prints the numbers of rows and warnings."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.terminal import progress_line, work_text
from mtl_cli.data.continued_features import check_same_keys, refused_if_damaged
from mtl_cli.data.label_findings import few_valid_rows_findings, uncorrected_findings
from mtl_cli.data.load import Data, load
from mtl_cli.data.table import Table
from mtl_cli.network import pretrained
from mtl_cli.network.pretrained import PretrainedVectors
from mtl_cli.runs.console import Console
from mtl_cli.runs.earlier_run import EarlierRun
from mtl_cli.runs.training_table import is_training_table
from mtl_cli.scoring.check_monitor import (
    check_monitor,
    unmonitored_tasks,
    unmonitored_warnings,
)

SECONDS_PER_LINE = 10.0  # the time between two lines of progress without a terminal


def read_data(
    config: Config, folder: RunFolder, console: Console, earlier: EarlierRun | None
) -> tuple[Data, dict[str, PretrainedVectors], list[str]]:
    """Reads and checks the data and the pretrained vectors, and writes the data report.

    Prints the numbers of rows and the warnings about the data. Raises a `DataError` if
    the data does not fit the configuration.

    Returns: the data, {name of an embedding table: pretrained vectors}, and the tasks
        that `trainer.monitor` leaves out.
    """
    data = load_data(config, console, earlier)
    rows = ", ".join(
        f"{table.num_rows:,} {split}" for split, table in data.splits.items()
    )
    console.print_line(
        f"{config.dataset.name}: {rows} rows, {len(config.dataset.used_features)} "
        f"features, {data.loading}"
    )
    reason_by_unmonitored_task = find_unmonitored_tasks(config, data)
    vectors = pretrained.read_all(config, data.features)
    for name in vectors:
        console.print_line(pretrained_line(name, vectors[name], config, data, earlier))
    folder.write_json("data_report.json", data.report)
    warnings = [
        *earlier_rows_warnings(config),
        *data.report["findings"],
        *label_warnings(config, data.splits["train"]),
    ]
    if config.trainer.patience is not None:
        warnings += unmonitored_warnings(reason_by_unmonitored_task)
        monitored = monitored_metrics(
            config.trainer.monitor, config.outputs, reason_by_unmonitored_task
        )
        outputs = [output for output, _ in monitored]
        warnings += few_valid_rows_findings(outputs, data.splits["valid"])
    for warning in warnings:
        console.warn(warning)
    return data, vectors, list(reason_by_unmonitored_task)


def load_data(config: Config, console: Console, earlier: EarlierRun | None) -> Data:
    """Loads the data.

    Features and tasks that go on from an earlier run keep what they have learnt there:
    vocabularies, for example, and statistics of labels. Raises a `DataError` if the
    earlier statistics of a task's labels are damaged.
    """
    learnt = earlier.learnt if earlier else None
    with encoding_progress(console) as on_rows:
        data = load(config.dataset, config.outputs, learnt, on_rows)
    if earlier is None:
        return data
    for task, statistics in earlier.labels.items():
        with refused_if_damaged(f"the labels of {task} have"):
            check_same_keys(statistics, data.label_statistics.get(task, {}))
            config.chosen_tasks[task].check_statistics(statistics)
    return replace(data, label_statistics=data.label_statistics | earlier.labels)


def pretrained_line(
    name: str,
    vectors: PretrainedVectors,
    config: Config,
    data: Data,
    earlier: EarlierRun | None,
) -> str:
    """Says how many values of an embedding table start from pretrained vectors.

    If a trained table goes on from the earlier run, only its new values start from
    pretrained vectors.
    """
    num_values = len(data.features.learnt[name]["vocabulary"])
    is_frozen = data.features.layout.tables[name].frozen
    is_reset = "embeddings" in config.start_from.reset
    if earlier is None or name not in earlier.learnt or is_frozen or is_reset:
        return (
            f"{len(vectors.ids):,} of {num_values:,} values of {name} have pretrained "
            "vectors"
        )
    num_known = len(earlier.learnt[name]["vocabulary"])
    num_new = (vectors.ids > num_known).sum()  # new values have the highest ids
    return (
        f"{num_new:,} of {num_values - num_known:,} new values of {name} have "
        f"pretrained vectors; its {num_known:,} known values keep their learnt vectors"
    )


def earlier_rows_warnings(config: Config) -> list[str]:
    """Returns a warning for each table that the earlier run was trained on."""
    run = config.start_from.run
    if run is None:
        return []
    warnings = []
    for split, location in config.dataset.locations.items():
        if not is_training_table(location, config.dataset.format, Path(run)):
            continue
        if split == "train":
            effect = (
                "so this run trains on them again; if the rows were delivered twice, "
                "leave this run out"
            )
        else:
            effect = (
                f"so the scores of these {split} rows are better than those of new "
                "rows; name rows that no earlier run was trained on"
            )
        warnings.append(
            f"dataset.{split} holds the rows that {run}, the earlier run, was trained "
            f"on, {effect}"
        )
    return warnings


def label_warnings(config: Config, train: Table) -> list[str]:
    """Returns warnings about the labels of the training rows.

    Raises a `DataError` if the heads of the model cannot use the labels.
    """
    heads = config.model.heads_option
    heads.check_labels(config.chosen_tasks, train.labels)
    return [
        *heads.label_warnings(config.chosen_tasks, train.labels),
        *uncorrected_findings(config.outputs, train),
    ]


def find_unmonitored_tasks(config: Config, data: Data) -> dict[str, str]:
    """Returns the tasks that `trainer.monitor` leaves out: {task: reason}.

    Raises a `DataError` if early stopping is on, but no task is left to monitor.
    """
    monitor, valid = config.trainer.monitor, data.splits.get("valid")
    if valid is None:
        return {}
    if config.trainer.patience is None:  # without early stopping
        return unmonitored_tasks(monitor, config.outputs, valid)
    return check_monitor(monitor, config.outputs, valid)


@contextmanager
def encoding_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Yields a function that shows the progress: `show(finished rows, all rows)`."""
    start = time.monotonic()
    with progress_line(console.terminal, console.print_line, SECONDS_PER_LINE) as show:

        def show_rows(done: int, total: int) -> None:
            description = "encoding the rows" if done else "reading the rows"
            seconds = time.monotonic() - start
            show(work_text(description, done, total, seconds))

        yield show_rows
