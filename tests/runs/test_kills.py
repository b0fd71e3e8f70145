"""Runs that are killed at random moments, again and again, end as if they had not been.

The environment variable `MTL_KILLS` is the number of kills over all models.
"""

import os
import random
import time

import pytest
from helpers.commands import mtl_train, running, wait_for
from helpers.interrupted_runs import OFTEN_SAVED, assert_same_run, files, has_logged
from helpers.slow import slow_except

KILLS = int(os.environ.get("MTL_KILLS", "12"))
EXHAUSTIVE = pytest.mark.exhaustive
MODELS = {
    "mmoe": ["model=mmoe"],
    "ple": ["model=ple", "optimizer.schedule=cosine", "trainer.patience=2"],
    "esmm": [
        "model=esmm",
        "dataset=funnel",
        "optimizer.lazy=true",
        "dataset.stream=true",
    ],
}
CASES = [(model, compiled) for model in MODELS for compiled in ("false", "true")]
TO_KILL = slow_except([("ple", "true")], CASES, EXHAUSTIVE)


def moment(chance, run, seconds):
    """Returns the moment of a kill, in words and as a condition."""
    kind = chance.choice(["any", "any", "writing", "scoring"])
    if kind == "writing":  # while a file is written, most often a checkpoint
        after = chance.random() * seconds
        start = time.monotonic()
        return (
            f"a write after {after:.2f} s",
            lambda: (
                time.monotonic() - start > after
                and run.exists()
                and any(
                    name.rpartition("/")[2].startswith(".tmp-") for name in files(run)
                )
            ),
        )
    if kind == "scoring":
        lag = chance.random() * 0.7
        seen = []

        def scoring():
            if not seen and (run / "model").exists():
                seen.append(time.monotonic())
            return seen and time.monotonic() - seen[0] > lag

        return f"{lag:.2f} s of scoring", scoring
    end = time.monotonic() + chance.random() * seconds
    return f"{end - time.monotonic():.2f} s", lambda: time.monotonic() > end


@pytest.mark.slow
@pytest.mark.parametrize(("model", "compiled"), TO_KILL)
def test_killed_runs_end_as_undisturbed_ones(model, compiled, tmp_path):
    command = [*OFTEN_SAVED, *MODELS[model], f"trainer.compile={compiled}"]
    command = [c for c in command if model != "esmm" or "dimensions" not in c]
    start = time.monotonic()
    ended = mtl_train(tmp_path, *command, "hydra.run.dir=whole")
    seconds = time.monotonic() - start
    assert ended.returncode == 0, ended.stderr
    case = CASES.index((model, compiled))
    chance = random.Random(case)
    kills = KILLS // len(CASES) + (case < KILLS % len(CASES))
    run = tmp_path / "run0"
    log = []
    while kills:
        with running(tmp_path, *command, f"hydra.run.dir={run.name}") as process:
            words, condition = moment(chance, run, seconds)
            if wait_for(process, condition, 0.002):
                kills -= 1
                log.append(f"{run.name}: killed at {words}")
        if process.returncode == 0:  # the run was done before the kill
            assert_same_run(run, tmp_path / "whole")
            run = tmp_path / f"run{len(log)}"
        else:
            assert process.returncode == -9, log
    ended = mtl_train(tmp_path, *command, f"hydra.run.dir={run.name}")
    assert ended.returncode == 0, (log, ended.stderr)
    assert has_logged(run, "test rows")
    assert_same_run(run, tmp_path / "whole")
    assert files(run) == files(tmp_path / "whole")
    print("\n".join(log))
