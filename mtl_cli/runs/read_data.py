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
from mtl_cli.data.feature_set_fitter import (
    check_same_keys,
    other_spelling_findings,
    refused_if_damaged,
)
from mtl_cli.data.label_findings import (
    corrected_twice_findings,
    few_valid_rows_findings,
    read_as_feature_findings,
    revealing_rate_findings,
    uncorrected_findings,
    unsampled_findings,
)
from mtl_cli.data.load import Data, load
from mtl_cli.network import pretrained
from mtl_cli.network.pretrained import PretrainedVectors
from mtl_cli.runs.console import Console
from mtl_cli.runs.earlier_run import EarlierRun
from mtl_cli.runs.training_table import run_trained_on
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

    Prints the numbers of rows and the warnings about the data.

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
    valid, monitor = data.splits.get("valid"), config.trainer.monitor
    stops_early = config.trainer.patience is not None
    reason_by_unmonitored_task: dict[str, str] = {}
    if valid is not None:
        find = check_monitor if stops_early else unmonitored_tasks
        reason_by_unmonitored_task = find(monitor, config.outputs, valid)
    vectors = pretrained.read_all(config, data.features)
    for name in vectors:
        console.print_line(pretrained_line(name, vectors[name], config, data, earlier))
    folder.write_json("data_report.json", data.report)
    heads, train = config.model.heads_option, data.splits["train"]
    heads.check_labels(config.chosen_tasks, train.labels)
    warnings = [
        *earlier_rows_warnings(config),
        *other_spelling_findings(earlier.learnt if earlier else {}, data.features),
        *data.report["findings"],
        *heads.label_warnings(config.chosen_tasks, train.labels),
        *read_as_feature_findings(config.dataset, config.chosen_tasks),
        *revealing_rate_findings(train),
        *corrected_twice_findings(config.outputs, train),
        *uncorrected_findings(config.outputs, train),
        *unsampled_findings(config.outputs, data.report["tasks"]),
    ]
    if valid is not None and stops_early:
        warnings += unmonitored_warnings(reason_by_unmonitored_task)
        monitored = monitored_metrics(
            monitor, config.outputs, reason_by_unmonitored_task
        )
        outputs = [output for output, _ in monitored]
        warnings += few_valid_rows_findings(outputs, valid)
    for warning in warnings:
        console.warn(warning)
    return data, vectors, list(reason_by_unmonitored_task)


def load_data(config: Config, console: Console, earlier: EarlierRun | None) -> Data:
    """Loads the data.

    Features and tasks that go on from an earlier run keep what they have learnt there:
    vocabularies, for example, and statistics of labels.
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

    If a trained table goes on from the earlier run, only its new values do.
    """
    first_new, what = 1, "values"
    is_frozen = data.features.layout.tables[name].frozen
    is_reset = "embeddings" in config.start_from.reset
    if earlier is not None and name in earlier.learnt and not (is_frozen or is_reset):
        first_new, what = len(earlier.learnt[name]["vocabulary"]) + 1, "new values"
    num_values = len(data.features.learnt[name]["vocabulary"]) + 1 - first_new
    num_new = (vectors.ids >= first_new).sum()  # new values have the highest ids
    return f"{num_new:,} of {num_values:,} {what} of {name} have pretrained vectors"


def earlier_rows_warnings(config: Config) -> list[str]:
    run = config.start_from.run
    if run is None:
        return []
    warnings = []
    for split, location in config.dataset.locations.items():
        trained_run = run_trained_on(location, config.dataset.format, Path(run))
        if trained_run is not None:
            warnings.append(
                f"dataset.{split} holds the rows that {trained_run}, an earlier run, "
                "was trained on; name rows that no earlier run was trained on"
            )
    return warnings


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
