"""Serves an exported model with a real `mlflow models serve`, under 8 clients.

The command `mlflow` of the package mlflow is needed, and TensorFlow beside it, in an
environment of its own. The variable MLFLOW holds the path of the command.
"""

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.every_kind import FEATURES, hard_rows, trained, with_text_ids
from promises import expect, report, wait_until

import mtl_cli
from mtl_cli.distributed.child_processes import free_ports

CLIENTS, REQUESTS, ROWS = 8, 2000, 4000
MOST_ROWS = 20  # per request
TOLERANCE = 1e-6
Answer = tuple[float, float]  # seconds, largest difference


@contextmanager
def served(model: Path) -> Iterator[str]:
    """Serves a model; gives the address that scores rows."""
    (port,) = free_ports(1)
    mlflow = Path(os.environ["MLFLOW"])
    command = [str(mlflow), "models", "serve", "--model-uri", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--env-manager", "local"]
    path = f"{mlflow.parent}{os.pathsep}{os.environ['PATH']}"
    own = {key: x for key, x in os.environ.items() if not key.startswith("PYTHON")}
    own |= {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (model.parent / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=model.parent,
            env=own,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError((model.parent / "server.log").read_text())
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        wait_until(answers)
        yield f"{address}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def score(address: str, table: dict[str, list[Any]]) -> list[dict[str, float]]:
    """Sends rows, and returns their predictions."""
    data = [list(row) for row in zip(*table.values(), strict=True)]
    body = {"dataframe_split": {"columns": list(table), "data": data}}
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return list(json.load(answer)["predictions"])
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()[:500]) from None


def difference(
    predictions: list[dict[str, float]], expected: list[dict[str, float]]
) -> float:
    """Returns the largest difference of a prediction p, divided by s (1 + log s).

    s is max(1, |p|), as in `docs/how-to/export.md`.
    """
    largest = 0.0
    for row, expected_row in zip(predictions, expected, strict=True):
        for name, p in expected_row.items():
            if row[name] == p:  # inf - inf is NaN
                continue
            size = max(1, abs(p))
            one = abs(row[name] - p) / (size * (1 + math.log(size)))
            largest = max(largest, math.inf if math.isnan(one) else one)
    return largest


def drill(folder: Path) -> None:
    """Eight clients send 2,000 requests, and each answer is compared."""
    run = trained(folder, FEATURES, model="ple")
    table = hard_rows(ROWS, seed=7)
    model = mtl_cli.load(run)
    model.export(folder / "model", "mlflow")
    expected = model.predict(table).to_dict("records")
    names = set(model.predict(table.slice(0, 1)))

    def request(number: int) -> Answer:
        draw = random.Random(number)
        start, count = draw.randrange(ROWS - MOST_ROWS), draw.randint(1, MOST_ROWS)
        rows = with_text_ids(table).slice(start, count).to_pydict()
        begin = time.monotonic()
        predictions = score(address, rows)
        seconds = time.monotonic() - begin
        expect_names = all(set(row) == names for row in predictions)
        found = difference(predictions, expected[start : start + count])
        return seconds, found if expect_names else math.inf

    with served(folder / "model") as address, ThreadPoolExecutor(CLIENTS) as clients:
        begin = time.monotonic()
        answers: list[Answer] = []
        errors: list[str] = []
        for future in [clients.submit(request, number) for number in range(REQUESTS)]:
            try:
                answers.append(future.result())
            except (OSError, RuntimeError) as error:
                errors.append(str(error))
        seconds = time.monotonic() - begin
    expect(f"no error in {REQUESTS:,} requests", not errors, errors[:3])
    largest = max((found for _, found in answers), default=math.inf)
    claim = f"predictions of mtl-predict, within {TOLERANCE} (here {largest:.1e})"
    expect(claim, largest <= TOLERANCE, largest)
    durations = sorted(duration for duration, _ in answers) or [math.nan]
    print(
        f"          {REQUESTS / seconds:.0f} requests/s by {CLIENTS} clients, median "
        f"{1e3 * durations[len(durations) // 2]:.0f} ms, p99 "
        f"{1e3 * durations[int(0.99 * len(durations))]:.0f} ms, load "
        f"{os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main() -> int:
    if shutil.which(os.environ.get("MLFLOW", "mlflow")) is None:
        print("The variable MLFLOW must hold the path of the command `mlflow`.")
        return 2
    # Ended by a signal, the drill still ends its server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="mlflow-serving-drill-") as folder:
        drill(Path(folder))
    return report()


if __name__ == "__main__":
    sys.exit(main())
