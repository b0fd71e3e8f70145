"""Reads the data of a run, and prints what is worth knowing about them."""

from dataclasses import replace

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.continued_features import check_same_form
from mtl_cli.data.load import Data, load
from mtl_cli.network import pretrained
from mtl_cli.network.pretrained import PretrainedVectors
from mtl_cli.runs.console import Console
from mtl_cli.runs.earlier_run import EarlierRun
from mtl_cli.runs.encoding_progress import encoding_progress
from mtl_cli.runs.preflight import check_monitor


def read_data(
    config: Config, folder: RunFolder, console: Console, earlier: EarlierRun | None
) -> tuple[Data, dict[str, PretrainedVectors]]:
    """Reads and checks the data and the pretrained vectors, and writes the data report.

    Prints the numbers of rows and the warnings about the data.

    Args:
        config: the configuration.
        folder: the run folder, for the data report.
        console: the console.
        earlier: what the run takes from an earlier run; None if `start_from` names no
            run.

    Returns: the data, and {name of an embedding table: pretrained vectors}.

    Raises:
        DataError: if the data does not fit the configuration.
    """
    learnt = earlier.learnt if earlier else None
    with encoding_progress(console) as on_rows:
        data = load(config.dataset, config.outputs, learnt, on_rows)
    if earlier is not None:
        for task, statistics in earlier.labels.items():
            check_same_form(
                f"the labels of {task} have", statistics, data.labels.get(task)
            )
        data = replace(data, labels=data.labels | earlier.labels)
    rows = ", ".join(
        f"{table.num_rows:,} {split}" for split, table in data.splits.items()
    )
    console.print_line(
        f"{config.dataset.name}: {rows} rows, {len(config.dataset.used_features)} "
        f"features, {data.loading}"
    )
    if config.trainer.patience is not None:
        check_monitor(config.trainer.monitor, config.outputs, data.splits["valid"])
    vectors = pretrained.read(config, data.features)
    for name, (ids, _) in vectors.items():
        vocabulary = data.features.learnt[name]["vocabulary"]
        console.print_line(
            f"{len(ids):,} of {len(vocabulary):,} values of {name} have pretrained "
            "vectors"
        )
    folder.write_json("data_report.json", data.report)
    heads, train = config.model.heads_option, data.splits["train"]
    heads.check_labels(config.chosen_tasks, train)
    warnings = heads.label_warnings(config.chosen_tasks, train)
    for warning in [*data.report["findings"], *warnings]:
        console.warn(warning)
    return data, vectors
