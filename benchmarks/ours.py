"""Trains one configuration with mtl-cli in this process, and prints a line of JSON.

    python benchmarks/ours.py experiment=source/adult_ple trainer.epochs=3
    python benchmarks/ours.py --synthetic 204800 10000 optimizer=adam

The script does what `mtl-train` does up to the test metrics, but writes no run folder.
The line has the same keys as the lines of the peers' scripts, and `multiply_adds`, the
multiply-adds per row. With `--synthetic ROWS TABLE_ROWS` the network trains on random
rows of `peers/synthetic.py`, with the tasks of the configuration.
"""

import argparse
import json
import math
from importlib.metadata import version
from typing import Any


def main() -> None:
    """Trains, evaluates on the test rows, and prints the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--synthetic", nargs=2, type=int, default=None)
    options = parser.parse_args()

    config = configuration(options.overrides)
    if options.synthetic is None:
        from mtl_cli.data.load import load

        data = load(config.dataset, config.outputs)
        splits, layout = data.splits, data.features.layout
    else:
        splits, layout = synthetic(list(config.chosen_tasks), *options.synthetic)

    from mtl_cli.core import tensorflow_runtime

    tensorflow_runtime.start(config.seed, config.trainer.deterministic)
    from mtl_cli.network.build import build
    from mtl_cli.runs.build_network import with_penalty
    from mtl_cli.scoring.scores import score_outputs
    from mtl_cli.training.progress import Progress
    from mtl_cli.training.train import train

    network = build(with_penalty(config, splits["train"].num_rows), layout)
    history = train(config, network, splits["train"], splits.get("valid"), Progress())
    auc = {}
    if "test" in splits:
        predictions = network.predict(splits["test"])
        scores = score_outputs(config.outputs, splits["test"], predictions)
        auc = {name: metrics.get("auc") for name, metrics in scores.items()}

    names = ["mtl-cli", "tensorflow", "keras"]
    line = {
        "versions": {name: version(name) for name in names},
        "rows": splits["train"].num_rows,
        "epoch_seconds": [epoch.seconds for epoch in history.epochs],
        "samples_per_second": [epoch.samples_per_second for epoch in history.epochs],
        "auc": auc,
        "parameters": network.logits.count_params(),
        "multiply_adds": multiply_adds(network.logits),
    }
    print(json.dumps(line))


def configuration(overrides: list[str]) -> Any:
    """Returns the configuration that `mtl-train` makes of these overrides, checked."""
    from hydra import compose, initialize_config_dir

    from mtl_cli.config.check import check
    from mtl_cli.core.paths import conf_folder

    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return check(compose("config", overrides=overrides))


def synthetic(tasks: list[str], rows: int, table_rows: int) -> tuple[Any, Any]:
    """Returns training rows with random ids, and the layout of their features."""
    import numpy as np
    from peers import synthetic

    from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
    from mtl_cli.data.table import Table

    ids, labels = synthetic.rows(rows, table_rows)
    weights = {task: np.ones(rows, "float32") for task in tasks}
    columns = dict(zip(tasks, labels.T, strict=True))
    size = synthetic.vocabulary_size(table_rows)
    tables = {name: EmbeddingTable(size) for name in synthetic.FEATURES}
    layout = Layout(tables, {name: Block("ids", table=name) for name in tables})
    return {"train": Table({"ids": ids}, columns, weights)}, layout


def multiply_adds(network: Any) -> int:
    """Counts the multiply-adds of a forward pass per row, in matrix products.

    Each element of each kernel causes one multiply-add per row. The weighted sums of
    experts, the activations and the optimizer do not count.
    """
    kernels = [w.shape for w in network.trainable_weights if "kernel" in w.path]
    return sum(math.prod(shape) for shape in kernels)


if __name__ == "__main__":
    main()
