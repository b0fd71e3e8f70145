"""Data set YAML that is broken at random, and settings of the command line."""

from random import Random

import yaml
from fuzzing.tables import KEYS, damaged

VALUES = [
    *["null", "true", "-1", "0", "1e999", ".nan", ".inf", "''", "[]", "{}", "???", "~"],
    *["[[[[]]]]", "{a: {b: {c: 1}}}", "2026-01-02", "12:30:45", "0o17", "1_0"],
    *["${oc.env:NO_SUCH_NAME}", "${name}", "${.}", "${dataset.name}", "${", "$${x}"],
    *["${now:%Y}", "${hydra:runtime.cwd}", "${oc.decode:'1'}", "${dataset}"],
    *["!!python/object/apply:os.system [true]", "!!binary aGk=", "!!set {a, b}"],
    *["&a [*a]", "*nothing", "<<", "|", ">-", "'", '"', "{", "[", "- -", "? a", "%x"],
    *["9" * 500, "x" * 5000, "\0", "\ufeff", "a\tb", "é", "../x", "!x y", "{1: 2}"],
    *["{_target_: os.system}", "dense", "sparse", "binary", "regression", "[a, b]"],
]
KEYS_TO_ADD = [
    *["_target_", "<<", "1", "null", "'a b'", "defaults", "hydra", "kind", "''"],
    *["generator", "name", "group", "csv", "stream", "format", "split_by", "~", "[a]"],
]


def written(train: str) -> str:
    """The YAML of a good data set."""
    return yaml.safe_dump(KEYS | {"train": train}, sort_keys=False)


def broken(rng: Random, train: str) -> bytes:
    """The YAML of a data set with some lines or bytes changed."""
    lines = written(train).splitlines()
    for _ in range(rng.randrange(1, 4)):
        index = rng.randrange(len(lines))
        key, colon, _ = lines[index].partition(":")
        space = " " * (len(key) - len(key.lstrip()))
        change = rng.randrange(7)
        if change <= 2:
            lines[index] = f"{key}{colon} {rng.choice(VALUES)}"
        elif change == 3:
            lines.insert(
                index, f"{space}{rng.choice(KEYS_TO_ADD)}: {rng.choice(VALUES)}"
            )
        elif change == 4:
            value = lines[index].partition(":")[2]
            lines[index] = f"{space}{rng.choice(KEYS_TO_ADD)}:{value}"
        elif change == 5 and len(lines) > 1:
            del lines[index]
        else:
            lines[index] = rng.choice([" ", "  ", "\t", "- "]) + lines[index]
    content = "\n".join(lines).encode()
    return damaged(rng, content) if rng.random() < 0.3 else content


SETTINGS = [
    *["seed", "tasks", "model", "model.name", "model.expert_units", "encoder", "a.b"],
    *["dataset", "dataset.name", "dataset.tasks", "dataset.features.age", "_target_"],
    *["optimizer.learning_rate", "trainer.monitor", "trainer.epochs", "check_only"],
    *["hydra.run.dir", "hydra.sweep.dir", "hydra", "experiment", "defaults", "a@b", ""],
    *["dataset.tasks.income.positive", "dataset.features.age.edges", "hydra.job.name"],
]


def setting(rng: Random) -> str:
    """Something that is or looks like `key=value`."""
    value = rng.choice(VALUES)
    if rng.random() < 0.3:
        value = "".join(rng.choices("ab01.,:=-_ '\"[]{}()$\\/~+@!%&*?#é\n\t", k=8))
    mark, sign = rng.choice(["", "", "+", "++", "~"]), rng.choice(["=", "=", "=", ""])
    return f"{mark}{rng.choice(SETTINGS)}{sign}{value}"
