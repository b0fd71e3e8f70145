"""Two processes that train one network together, compared with a single process.

Both train a PLE on Adult with the same batches. The benchmark shows the difference of
the losses in the first steps, and the samples per second. In long runs rounding errors
grow, and the losses drift apart. The two processes run on one machine and share its
cores, so the speed shows only the cost of communication. A gain needs a second device.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from alternate import FOLDER, Contender, Result, alternate, arguments
from report import median, save, show, steady_speed

OVERRIDES = ["trainer.batch_size=1024", "trainer.patience=null", "trainer.ema_decay=0"]
ONE, TWO = "one process", "two processes"
NUM_STEPS = 20  # the losses of this many steps are compared


def main() -> None:
    """Measures, prints, saves. With `--worker`, trains as one of the processes."""
    parser = arguments(__doc__, epochs=4)
    parser.add_argument("--processes", type=int, help="only train, with this number")
    parser.add_argument(
        "--worker", action="store_true", help="train as one process, print losses"
    )
    options = parser.parse_args()
    overrides = [*OVERRIDES, f"trainer.epochs={options.epochs}"]
    if options.worker:
        print(json.dumps(train_here(overrides)))
    elif options.processes:
        train_together(options.processes, options.epochs)
    else:
        compare(options.repeats, options.epochs)


def compare(repeats: int, epochs: int) -> None:
    """Runs one and two processes in turn, and prints the comparison."""
    script = [sys.executable, str(FOLDER / "two_workers.py"), f"--epochs={epochs}"]
    results = alternate(
        [
            Contender(name, [*script, f"--processes={count}"])
            for name, count in ((ONE, 1), (TWO, 2))
        ],
        repeats,
    )
    summary: dict[str, Any] = {
        name: {"samples_per_second": median(runs, steady_speed)}
        for name, runs in results.items()
    }
    if len(results) == 2:
        summary[TWO]["largest_difference"] = largest_difference(
            results[ONE][0], results[TWO][0]
        )
    cells = [
        [
            name,
            f"{row['samples_per_second']:,.0f}",
            f"{row['largest_difference']:.1e}" if "largest_difference" in row else "",
        ]
        for name, row in summary.items()
    ]
    heads = ["", "samples/s", f"losses of {NUM_STEPS} steps, relative difference"]
    show("Adult PLE, batch 1024", heads, cells)
    save("two_workers", results, summary)


def largest_difference(result: Result, other: Result) -> float:
    """Returns the largest relative difference of the losses of two runs."""
    steps = zip(result["losses"], other["losses"], strict=True)
    differences: list[float] = [
        abs(x - y) / abs(y)
        for losses, other_losses in steps
        for x, y in zip(losses, other_losses, strict=True)
    ]
    return max(differences)


def train_together(count: int, epochs: int) -> None:
    """Starts processes that train together. The first prints the line of JSON."""
    # Each process needs a free port. The operating system chooses one for port 0.
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    workers = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()
    command = [sys.executable, str(Path(__file__).resolve()), "--worker"]
    processes = []
    for index in range(count):
        task = {"type": "worker", "index": index}
        cluster = json.dumps({"cluster": {"worker": workers}, "task": task})
        processes.append(
            subprocess.Popen(
                [*command, f"--epochs={epochs}"],
                env=os.environ | ({"TF_CONFIG": cluster} if count > 1 else {}),
                stdout=None if index == 0 else subprocess.DEVNULL,
            )
        )
    # A list, not a generator: all processes must be waited for.
    if any([process.wait() for process in processes]):
        sys.exit("a process failed")


def train_here(overrides: list[str]) -> Result:
    """Trains in this process, alone or as one of several."""
    from ours import configuration

    config = configuration(overrides)
    from mtl_cli.core import tensorflow_runtime
    from mtl_cli.data.load import load

    data = load(config.dataset, config.outputs)
    tensorflow_runtime.start(config.seed, config.trainer.deterministic)
    from mtl_cli.distributed.connect import connect
    from mtl_cli.network.build import build
    from mtl_cli.runs.build_network import with_penalty
    from mtl_cli.runs.provenance import environment
    from mtl_cli.training.progress import Progress
    from mtl_cli.training.steps import Steps
    from mtl_cli.training.train import train

    strategy = "multi_worker" if "TF_CONFIG" in os.environ else None
    replicas = connect(strategy, Path(), environment(config, data), sys.stderr.write)
    if replicas is None:
        sys.exit("another process has finished this run already")
    losses_by_step: list[list[float]] = []
    original_epoch = Steps.epoch

    def recording_epoch(self: Steps, *arguments: Any) -> Any:
        for losses_and_weights in original_epoch(self, *arguments):
            losses_by_step.extend(losses_and_weights[:, 0].tolist())
            yield losses_and_weights

    Steps.epoch = recording_epoch  # type: ignore[method-assign, assignment]
    table = data.splits["train"]
    config = with_penalty(config, table.num_rows)
    network = build(config, data.features.layout, data.label_statistics)
    history = train(config, network, table, None, Progress(), replicas=replicas)
    replicas.close()
    return {
        "losses": losses_by_step[:NUM_STEPS],
        "samples_per_second": [epoch.samples_per_second for epoch in history.epochs],
    }


if __name__ == "__main__":
    main()
