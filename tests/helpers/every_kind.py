"""Features and tasks of every kind, with ordinary rows and rows hard to read."""

import random
from datetime import UTC, datetime, timedelta
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from helpers import networks
from helpers.planted_data import parquet, run_in, values

from mtl_cli.config.run_config import Config

# The overrides of a short training.
SHORT = ["trainer.epochs=1", "trainer.patience=null", "trainer.batch_size=64"]
SHORT += ["trainer.compile=false", "encoder.embedding_dim=4"]
HUGE = 2**53  # float64 cannot hold an odd number above it
WORDS = ["ä", "word", "日本", "x" * 50, "17"]
TAGS = ["a", "b", "", "dé", "e"]
HASHED: dict[str, Any] = {
    "word": {"kind": "hashed", "num_buckets": 50},
    "other_word": {"kind": "hashed", "num_buckets": 50, "table": "word"},
    "hashed_pair": {
        "kind": "cross",
        "columns": ["user", "word", "friend"],
        "num_buckets": 30,
    },
}
FEATURES: dict[str, Any] = HASHED | {
    "user": {"kind": "sparse"},
    "friend": {"kind": "sparse", "table": "user"},
    "pair": {"kind": "cross", "columns": ["user", "word", "whole"]},
    "price": {"kind": "dense", "missing": "mean"},
    "plain": {"kind": "dense", "transform": "none"},
    "log": {"kind": "dense", "transform": "log1p", "missing": 0.5},
    "rank": {"kind": "dense", "transform": "quantile", "missing": "median"},
    "range": {"kind": "dense", "transform": "minmax"},
    "whole": {"kind": "bucketized", "num_buckets": 8, "missing": "bucket"},
    "age in years": {"kind": "bucketized", "edges": [20, 40]},
    "pieces": {"kind": "piecewise_linear", "num_buckets": 6, "missing": "mean"},
    "tags": {
        "kind": "sequence",
        "separator": "|",
        "max_length": 3,
        "weights": "tag_weights",
    },
    "list": {
        "kind": "sequence",
        "max_length": 4,
        "weights": "list_weights",
        "pooling": "sum",
    },
    "users": {"kind": "sequence", "max_length": 2, "pooling": "max", "table": "user"},
    "seen": {
        "kind": "sequence",
        "max_length": 3,
        "pooling": "attention",
        "table": "user",
    },
    "picture": {"kind": "vector", "length": 3, "missing": "mean"},
    "sound": {
        "kind": "vector",
        "length": 2,
        "separator": ";",
        "transform": "none",
        "missing": -1,
    },
    "hour": {"kind": "calendar", "part": "hour", "column": "at"},
    "weekday": {"kind": "calendar", "part": "weekday", "column": "at"},
    "hour_of_week": {
        "kind": "calendar",
        "part": "hour_of_week",
        "column": "at_ms",
        "format": "ms",
        "utc_offset": 5.5,
    },
    "packed": {"kind": "calendar", "part": "hour_of_week", "format": "yymmddhh"},
}
# ONNX has no operation that hashes.
WITHOUT_HASHES = {name: keys for name, keys in FEATURES.items() if name not in HASHED}
PICTURE = [0, 3, -2]  # the means of the feature `picture`
NUMBERS = [0.0, -0.0, 1e-100, 3.0, -2.0, 1.25, 1 / 3, -0.7, 2.5]
TASKS: dict[str, Any] = {
    "click": {"label": "click", "kind": "binary"},
    "buy": {"label": "buy", "kind": "binary"},
    "seconds": {"label": "spent", "kind": "regression", "transform": "standard"},
    "spent": {"label": "spent", "kind": "regression", "transform": "none"},
    "level": {"label": "level", "kind": "multiclass", "classes": ["low", "high", "no"]},
    "stars": {"label": "level", "kind": "ordinal", "classes": ["no", "low", "high"]},
    "amount": {"label": "amount", "kind": "ziln"},
    "time": {"label": "amount", "kind": "wlr"},
}


def rows(count: int, seed: int) -> pa.Table:
    """Returns rows to train `FEATURES` and `TASKS` on, with some empty cells."""
    draw = np.random.default_rng(seed)

    def with_empty_cells(column: Any) -> list[Any]:
        return [
            None if u < 0.1 else cell
            for cell, u in zip(column, draw.random(count), strict=True)
        ]

    user, price = draw.integers(0, 9, count), draw.normal(size=count)
    words = [WORDS[i] for i in draw.integers(0, 5, count)]
    lengths = draw.integers(0, 6, count)
    tags = ["|".join(TAGS[i] for i in draw.integers(0, 5, n)) for n in lengths]
    weights = ["|".join(map(repr, draw.random(n).tolist())) for n in lengths]
    lists = [[WORDS[i] for i in draw.integers(0, 5, n)] for n in lengths]
    users = [(draw.integers(0, 9, n) + HUGE).tolist() for n in lengths]
    times = np.datetime64("2023-12-25", "s") + 7919 * np.arange(count)
    columns = {
        "user": with_empty_cells((user + HUGE).tolist()),
        "friend": with_empty_cells((draw.integers(0, 12, count) + HUGE).tolist()),
        "word": with_empty_cells(words),
        "other_word": with_empty_cells(words[::-1]),
        "price": with_empty_cells((price * 10).tolist()),
        "plain": draw.normal(size=count),
        "log": with_empty_cells((draw.normal(size=count) ** 3 * 100).tolist()),
        "rank": with_empty_cells(draw.normal(size=count).round(1).tolist()),
        "range": draw.normal(size=count) * 1e5,
        "whole": with_empty_cells(draw.integers(10, 60, count).tolist()),
        "age in years": draw.uniform(10, 60, count),
        "pieces": with_empty_cells(draw.normal(size=count).round(1).tolist()),
        "tags": tags,
        "tag_weights": [w if t else "" for t, w in zip(tags, weights, strict=True)],
        "list": [x or None for x in lists],
        "list_weights": [draw.random(len(x)).tolist() or None for x in lists],
        "users": users,
        "seen": users[::-1],
        "picture": with_empty_cells(draw.normal(PICTURE, 1, (count, 3)).tolist()),
        "sound": with_empty_cells(
            [f"{x:.3f};{y}" for x, y in draw.normal(size=(count, 2)).tolist()]
        ),
        "at": with_empty_cells([str(time) for time in times]),
        "at_ms": with_empty_cells(times.astype("datetime64[ms]").astype(int).tolist()),
        "packed": with_empty_cells([int(f"{t.item():%y%m%d%H}") for t in times]),
        "click": (user % 2 == 0).astype(int),
        "buy": ((user % 2 == 0) & (price > 0)).astype(int),
        "spent": 1000 + price + user,
        "amount": np.where(user % 2 == 0, np.exp(3 * price), 0),
        "level": np.array(["low", "high", "no"])[user % 3],
    }
    return pa.table(columns)


def trained(
    folder: Path,
    features: dict[str, Any],
    model: str = "shared_bottom",
    tasks: dict[str, Any] = TASKS,
) -> Path:
    """Trains a model on `rows`, and returns its run folder."""
    train = parquet(folder, rows(300, 0))
    test = parquet(folder, rows(60, 1), "test.parquet")
    data = values(train, features, tasks, test=str(test))
    chosen = networks.config(f"model={model}", *SHORT).model_dump()
    if model in networks.SCENARIO_MODELS:
        data["scenario"] = "whole"
    run_in(
        folder / "run", Config.model_validate(chosen | {"dataset": data}), eager=True
    )
    return folder / "run"


def hard_rows(count: int, seed: int) -> pa.Table:
    """Returns rows with values that are unseen, missing, very long, or unusual."""
    draw = random.Random(seed)
    known = [*WORDS, *TAGS[:2], "dé"]
    letters = "abcäöüßéλж日本語😀|\x1f\t\n\"',;{}[]\\%\u200b"

    def text() -> str | None:
        u = draw.random()
        if u < 0.1:
            return draw.choice([None, ""])
        if u < 0.5:
            return str(HUGE + draw.randint(-2, 14))
        if u < 0.7:
            return draw.choice(known)
        if u < 0.71:
            return "y" * draw.randint(1000, 20_000)
        return "".join(draw.choices(letters, k=draw.randint(1, 12)))

    def number(size: float, missing: bool = True) -> float | None:
        u = draw.random()
        if missing and u < 0.1:
            return None
        if u < 0.2:
            return draw.choice([0.0, -0.0, 1e-300, 20.0, 40.0, 1e30, -1e30, 1e37])
        if u < 0.6:
            return round(draw.gauss(0, 1), 1) * size
        return draw.gauss(0, 20 * size)

    def tokens() -> list[str]:
        return draw.choices([*known, "", "zz"], k=draw.randint(0, 8))

    def weights(n: int) -> list[float]:
        return [draw.choice([0.0, 1.0, draw.random(), 2.5]) for _ in range(n)]

    def ids() -> list[int | None] | None:
        length = draw.randint(-1, 5)
        if length < 0:
            return None
        choices = [None, *range(HUGE - 2, HUGE + 12)]
        return [draw.choice(choices) for _ in range(length)]

    def vectors(length: int) -> list[list[float] | None]:
        lists = [draw.choices(NUMBERS, k=length) for _ in range(count)]
        return [x if draw.random() < 0.9 else None for x in lists]

    tags, lists = ([tokens() for _ in range(count)] for _ in range(2))
    texts = ["|".join(x) or None for x in tags]
    tag_weights = [
        "|".join(map(repr, weights(len(x)))) if text else None
        for x, text in zip(tags, texts, strict=True)
    ]
    columns: dict[str, Any] = {
        name: [text() for _ in range(count)]
        for name in ("user", "friend", "word", "other_word")
    }
    for name in ("price", "log", "rank", "pieces"):
        columns[name] = [number(10 if name == "price" else 1) for _ in range(count)]
    draw_time = random.Random(seed)
    hours = [draw_time.randrange(24 * 365 * 90) for _ in range(count)]
    times = [datetime(2000, 1, 1) + timedelta(hours=hour) for hour in hours]
    forms = ["", "{}", "{:%Y-%m-%dT%H:59}Z", "{} UTC"]
    columns |= {
        "at": [draw_time.choice(forms).format(t) for t in times],
        "at_ms": [1000 * t.replace(tzinfo=UTC).timestamp() - 1 for t in times],
        "packed": [nan if t.day == 1 else float(f"{t:%y%m%d%H}") for t in times],
    }
    for name in ("plain", "range", "age in years"):
        size = 1e5 if name == "range" else 1
        columns[name] = [number(size, missing=False) for _ in range(count)]
    columns["whole"] = [
        draw.choice([None, *map(str, range(5, 70))]) for _ in range(count)
    ]
    users = [ids() for _ in range(count)]
    return (
        pa.table(columns)
        .append_column("tags", pa.array(texts, pa.string()))
        .append_column("tag_weights", pa.array(tag_weights, pa.string()))
        .append_column(
            "list",
            pa.array(
                [[t or None for t in x] or None for x in lists], pa.list_(pa.string())
            ),
        )
        .append_column(
            "list_weights",
            pa.array([weights(len(x)) or None for x in lists], pa.list_(pa.float64())),
        )
        .append_column("users", pa.array(users, pa.list_(pa.int64())))
        .append_column("seen", pa.array(users[::-1], pa.list_(pa.int64())))
        .append_column("picture", pa.array(vectors(3), pa.list_(pa.float64())))
        .append_column(
            "sound",
            pa.array([x and ";".join(map(repr, x)) for x in vectors(2)], pa.string()),
        )
    )


def as_inputs(table: pa.Table) -> dict[str, list[Any]]:
    """Converts rows to the inputs of an exported model, with a plain loop."""
    inputs: dict[str, list[Any]] = {}
    for name, cells in table.to_pydict().items():
        example = next(x for x in cells if x is not None)
        if isinstance(example, list):
            lists = [x or [] for x in cells]
            width = max(map(len, lists))
            are_numbers = isinstance(next(x for x in lists if x)[0], float)
            empty = float("nan") if are_numbers else ""
            inputs[name] = [
                [empty if v is None else v if are_numbers else str(v) for v in x]
                + [empty] * (width - len(x))
                for x in lists
            ]
        elif isinstance(example, str):
            inputs[name] = ["" if x is None else x for x in cells]
        else:
            inputs[name] = [float("nan") if x is None else float(x) for x in cells]
    return inputs


def with_text_ids(table: pa.Table) -> pa.Table:
    """Converts the ids in the lists of `hard_rows` from whole numbers to text."""
    for name in ("users", "seen"):
        ids = table[name].cast(pa.list_(pa.string()))
        table = table.set_column(table.schema.get_field_index(name), name, ids)
    return table
