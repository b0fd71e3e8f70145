"""Which configuration of a sweep becomes an ensemble."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.planted_data import config, values
from helpers.planted_runs import auc

from mtl_cli.comparison.compare_datasets import Question, compare_datasets
from mtl_cli.comparison.ensemble import best_configuration
from mtl_cli.comparison.find_runs import read_runs
from mtl_cli.core.errors import ConfigError

TASKS = {task: {"label": task, "kind": "binary"} for task in ("click", "buy")}
MONITOR = "trainer.monitor=mean.log_loss"


def write_run(
    folder: Path, units: int, seed: int, losses: tuple[float, float], *more: str
) -> None:
    """Writes a run with a log loss of each task.

    `more` may hold two keys of the data set: `valid_fraction=X` and `group_column=X`.
    """
    keys = dict(setting.split("=", 1) for setting in more)
    of_data = {"valid_fraction": float(keys.pop("valid_fraction", 0.1))}
    of_data |= {"group_column": keys.pop("group_column", None)}
    data = values("a.csv", {"x": {"kind": "dense"}}, TASKS, **of_data)
    settings = [f"{key}={value}" for key, value in keys.items()]
    chosen = config(
        data, f"model.bottom_units=[{units}]", f"seed={seed}", MONITOR, *settings
    )
    # The test rows would choose another configuration.
    scores: dict[str, Any] = {
        split: {
            task: auc(0.8, log_loss=abs(shift - x), gauc=0.7)
            for task, x in zip(TASKS, losses, strict=True)
        }
        for split, shift in (("valid", 0), ("test", 2))
    }
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(chosen.model_dump(mode="json")))
    (folder / "metrics.json").write_text(json.dumps(scores))
    (folder / "status.json").write_text('{"status": "done"}')
    (folder / "environment.json").write_text('{"data_hash": "d0"}')


def chosen_from(folder: Path) -> tuple[str, str]:
    runs = read_runs([str(folder)])
    best, reason = best_configuration(compare_datasets(runs, Question()))
    return best.settings["model.bottom_units"], reason


def test_best_mean_of_what_the_runs_monitor_on_validation_rows_is_chosen(
    tmp_path: Path,
) -> None:
    # Seed 1 alone, and the task `click` alone, would choose another configuration.
    for units, losses in (
        (8, [(0.30, 0.60), (0.70, 0.60)]),
        (16, [(0.40, 0.50), (0.50, 0.50)]),
        (32, [(0.10, 0.80), (0.10, 1.00)]),
    ):
        for seed, pair in enumerate(losses, 1):
            write_run(tmp_path / f"{units}-{seed}", units, seed, pair)
    write_run(tmp_path / "one seed", 64, 1, (0.01, 0.01))
    best, reason = chosen_from(tmp_path)
    assert best == "[16]"
    assert reason == ("the best of 3 configurations on validation rows, by " + MONITOR)


def test_one_configuration_with_seeds_needs_no_validation_rows(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_run(tmp_path / f"{seed}", 8, seed, (0.3, 0.3))
    write_run(tmp_path / "other", 16, 1, (0.1, 0.1))
    assert chosen_from(tmp_path)[0] == "[8]"


@pytest.mark.parametrize(
    "more", ["valid_fraction=0.2", "tasks=[click]", "trainer.monitor=mean.auc"]
)
def test_configurations_without_a_common_yardstick_are_refused(
    tmp_path: Path, more: str
) -> None:
    for seed in (1, 2):
        write_run(tmp_path / f"a{seed}", 8, seed, (0.3, 0.3))
        write_run(tmp_path / f"b{seed}", 16, seed, (0.2, 0.2), more)
    with pytest.raises(ConfigError, match="rows or monitored metrics differ"):
        chosen_from(tmp_path)


def test_group_aucs_need_the_same_groups(tmp_path: Path) -> None:
    for seed in (1, 2):
        for units, column in ((8, "user"), (16, "day")):
            more = "trainer.monitor=mean.gauc", f"group_column={column}"
            write_run(tmp_path / f"{column}{seed}", units, seed, (0.3, 0.3), *more)
    with pytest.raises(ConfigError, match="rows or monitored metrics differ"):
        chosen_from(tmp_path)


def test_runs_of_several_data_sets_are_refused_by_their_names(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_run(tmp_path / f"a{seed}", 8, seed, (0.3, 0.3))
        other = tmp_path / f"b{seed}"
        write_run(other, 8, seed, (0.3, 0.3), "valid_fraction=0.2")
        (other / "environment.json").write_text('{"data_hash": "d1"}')
    with pytest.raises(ConfigError, match=r"planted .*=0.1, planted .*=0.2; name"):
        chosen_from(tmp_path)


def test_runs_of_one_seed_each_are_refused_by_the_key_that_differs(
    tmp_path: Path,
) -> None:
    write_run(tmp_path / "a", 8, 1, (0.3, 0.3))
    write_run(tmp_path / "b", 16, 2, (0.3, 0.3))
    message = "no configuration has runs of two seeds; the runs differ in model.bottom"
    with pytest.raises(ConfigError, match=message):
        chosen_from(tmp_path)
