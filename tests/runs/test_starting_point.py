"""The penalty on embeddings pulls vectors that a run takes over to what they were."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from helpers.planted_data import config, parquet, planted, run_in, values

from mtl_cli.runs import saved_model

FEATURES = {"user": {"kind": "sparse"}, "item": {"kind": "sparse"}}
TASKS = {"click": {"label": "click", "kind": "binary"}}
# One step of SGD multiplies the distance from the starting point by 1 - 2 x .1 x 4.
SETTINGS = ["optimizer=sgd", "optimizer.momentum=0", "optimizer.learning_rate=0.1"]
SETTINGS += ["trainer.ema_decay=0"]
STRONG, NONE = "encoder.l2_embedding=4", "encoder.l2_embedding=0"
Vectors = dict[str, npt.NDArray[np.float32]]


def table(day: int) -> pa.Table:
    """Rows of a day. User 1 is new on day 2, and user 2 is not there on day 2."""
    frame = planted(400, seed=day).to_pandas()
    frame["user"] = frame["user"].replace({1: 2} if day == 1 else {2: 1})
    return pa.Table.from_pandas(frame, preserve_index=False)


def run(folder: Path, train: Path, *settings: str, **item: Any) -> Vectors:
    """Trains, and returns the vector of each user and item."""
    features = FEATURES | {"item": FEATURES["item"] | item}
    data = values(train, features, TASKS)
    options = ["trainer.epochs=4", "trainer.batch_size=50", *settings]
    run_in(folder, config(data, *options), eager=True)
    (folder / "status.json").write_text('{"status": "done"}')
    model = saved_model.load(folder)
    names = [
        name
        for column in ("user", "item")
        for name in ("", *map(str, model.features.learnt[column]["vocabulary"]))
    ]
    rows = model.network.logits.get_layer("embedding").table.numpy()
    return dict(zip(names, rows, strict=True))


def distance(vectors: Vectors, others: Vectors, names: set[str]) -> float:
    return max(float(np.abs(vectors[x] - others[x]).max()) for x in names)


@pytest.mark.parametrize("lazy", ["true", "false"])
def test_vectors_of_an_earlier_run_are_pulled_to_what_they_were(
    lazy: str, tmp_path: Path
) -> None:
    days = [parquet(tmp_path, table(day), f"day{day}.parquet") for day in (1, 2)]
    # Vectors of day 1 that are far from 0.
    first = ["encoder.embedding_stddev=1", *SETTINGS, NONE]
    earlier = run(tmp_path / "first", days[0], *first)
    settings = [*first, f"optimizer.lazy={lazy}", f"start_from.run={tmp_path}/first"]
    free = run(tmp_path / "free", days[1], *settings)
    pulled = run(tmp_path / "pulled", days[1], *settings, STRONG)

    both_days = (earlier.keys() & free.keys()) - {"", "2"}
    assert len(both_days) > 10
    assert distance(free, earlier, both_days) > 1e-3
    assert distance(pulled, earlier, both_days) < distance(free, earlier, both_days) / 4
    # A user who is not there on day 2 keeps the vector of day 1; a new one has none.
    np.testing.assert_allclose(pulled["2"], earlier["2"], atol=1e-6)
    assert np.abs(earlier["2"]).max() > 0.1
    assert np.abs(free["1"]).max() > 0.1
    assert np.abs(pulled["1"]).max() < 0.02


def test_pretrained_vectors_are_pulled_to_what_they_were(tmp_path: Path) -> None:
    train = parquet(tmp_path, table(1))
    given = np.linspace(1, 2, 8, dtype="float32").reshape(2, 4)
    np.save(tmp_path / "vectors.npy", given)
    (tmp_path / "ids.txt").write_text("item3\nitem1\n")
    paths = {"vectors": f"{tmp_path}/vectors.npy", "ids": f"{tmp_path}/ids.txt"}
    pulled = run(tmp_path / "run", train, *SETTINGS, STRONG, pretrained=paths)
    np.testing.assert_allclose([pulled["item3"], pulled["item1"]], given, atol=0.02)
    others = [x for name, x in pulled.items() if name not in ("item1", "item3")]
    assert np.abs(others).max() < 0.02
