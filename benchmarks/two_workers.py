"""Two processes of this machine that train one network together, against one process.

Adult, PLE, the same global batches: the difference of the losses in the first steps,
and samples per second. The two processes share the cores of the one, so the speed shows
the cost of working together; a gain needs a second device. In long runs rounding errors
grow and the losses drift apart.
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

OVERRIDES = ["trainer.batch_size=1024", "trainer.patience=null"]
ONE, TWO = "one process", "two processes"
STEPS = 20


def main() -> None:
    """Measures, prints, saves; with `--worker`, trains as one of the processes."""
    parser = arguments(__doc__, epochs=4)
    parser.add_argument("--processes", type=int, help="train with this number")
    parser.add_argument(
        "--worker", action="store_true", help="train as one process, print losses"
    )
    options = parser.parse_args()
    overrides = [*OVERRIDES, f"trainer.epochs={options.epochs}"]
    if options.worker:
        print(json.dumps(trained(overrides)))
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
        summary[TWO]["largest_difference"] = largest(results[ONE][0], results[TWO][0])
    cells = [
        [
            name,
            f"{row['samples_per_second']:,.0f}",
            f"{row['largest_difference']:.1e}" if "largest_difference" in row else "",
        ]
        for name, row in summary.items()
    ]
    heads = ["", "samples/s", f"losses of {STEPS} steps, relative difference"]
    show("Adult PLE, batch 1024", heads, cells)
    save("two_workers", results, summary)


def largest(one: Result, other: Result) -> float:
    """Returns the largest relative difference of the losses of the first steps."""
    pairs = zip(one["losses"], other["losses"], strict=True)
    return max(
        abs(x - y) / abs(y)
        for losses_of_one, losses_of_other in pairs
        for x, y in zip(losses_of_one, losses_of_other, strict=True)
    )


def train_together(count: int, epochs: int) -> None:
    """Starts processes that train together; the first prints the line of JSON."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    workers = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
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
    if any([process.wait() for process in processes]):
        sys.exit("a process failed")


def trained(overrides: list[str]) -> Result:
    """Trains in this process, alone or as one of several."""
    from ours import configuration

    config = configuration(overrides)
    from mtl_cli.core import tensorflow_runtime
    from mtl_cli.data.load import load

    data = load(config.dataset, config.outputs)
    tensorflow_runtime.start(config.seed, config.trainer.deterministic)
    from mtl_cli.distributed.replicas import connect
    from mtl_cli.network.build import build
    from mtl_cli.runs.provenance import environment
    from mtl_cli.training.progress import Progress
    from mtl_cli.training.steps import Steps
    from mtl_cli.training.train import train

    strategy = "multi_worker" if "TF_CONFIG" in os.environ else None
    replicas = connect(strategy, Path(), environment(config, data.fingerprint))
    losses_by_step: list[list[float]] = []
    epoch = Steps.epoch

    def recorded(self: Steps, *arguments: Any) -> Any:
        for losses in epoch(self, *arguments):
            losses_by_step.extend(losses.tolist())
            yield losses

    Steps.epoch = recorded  # type: ignore[method-assign]
    network = build(config, data.features.layout, data.labels)
    table = data.splits["train"]
    history = train(config, network, table, None, Progress(), replicas=replicas)
    replicas.close()
    return {
        "losses": losses_by_step[:STEPS],
        "samples_per_second": [e.samples_per_second for e in history.epochs],
    }


if __name__ == "__main__":
    main()
