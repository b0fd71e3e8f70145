"""What a run sets before its network is built: the penalty on embeddings."""

from pathlib import Path

import pytest
from helpers.planted_data import config, parquet, planted, run_in, values

from mtl_cli.core.other_files import read_json_object
from mtl_cli.runs import saved_model
from mtl_cli.runs.build_network import with_penalty

FEATURES = {"user": {"kind": "sparse"}, "price": {"kind": "dense"}}
TASKS = {"click": {"label": "click", "kind": "binary"}}


def penalty(setting: str = "auto", num_rows: int = 20_000) -> float:
    data = values("train.csv", FEATURES, TASKS)
    configured = config(data, f"encoder.l2_embedding={setting}")
    return with_penalty(configured, num_rows).encoder.l2_embedding


def test_penalty_on_embeddings_counts_like_fifty_rows():
    assert penalty() == 50 / 20_000
    assert penalty(num_rows=5_001) == 50 / 5_001
    assert penalty(num_rows=4_999) == 0.01
    assert penalty("0.25") == 0.25


def test_chosen_penalty_is_recorded_and_keeps_vectors_small(tmp_path: Path):
    data = values(parquet(tmp_path, planted(300)), FEATURES, TASKS)
    squares = []
    for setting, expected in (("auto", 0.01), ("0", 0)):
        folder = tmp_path / setting
        options = ["trainer.epochs=3", f"encoder.l2_embedding={setting}"]
        run_in(folder, config(data, *options), eager=True)
        environment = read_json_object(folder / "environment.json")
        assert environment["l2_embedding"] == pytest.approx(expected)
        network = saved_model.load(folder).network
        table = network.logits.get_layer("embedding").table.numpy()
        squares.append((table**2).sum())
    assert squares[0] < 0.9 * squares[1]
