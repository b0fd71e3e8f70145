"""Trains day by day: each day starts from the run of the day before.

    python examples/daily.py FOLDER

writes the rows of three days into FOLDER/days, and their configuration into
FOLDER/conf/dataset/days.yaml. The rows come from the generated data set `funnel`. A
tenth of the users and of the items do not appear before the second day. Then, in
FOLDER:

    mtl-train dataset=days hydra.run.dir=outputs/days/1
    mtl-train dataset=days dataset.train=days/2.parquet dataset.test=days/3.parquet \
        start_from=outputs/days/1 trainer.epochs=2 hydra.run.dir=outputs/days/2
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from mtl_cli.core.paths import conf_folder
from mtl_cli.generators.funnel import Funnel

DAYS = (1, 2, 3)
NEW = 0.1  # share of the users, and of the items, that come with the second day


def write_days(folder: Path, rows_per_day: int, seed: int = 0) -> None:
    """Writes the rows of each day, and the configuration of a data set.

    Args:
        folder: the folder to write into.
        rows_per_day: number of rows of a day; the first day has fewer, since its rows
            with a new user or item are left out.
        seed: the seed of the rows.
    """
    text = (conf_folder() / "dataset" / "funnel.yaml").read_text("utf-8")
    keys: dict[str, Any] = yaml.safe_load(text)
    rows = {"train_rows": len(DAYS) * rows_per_day, "generator_seed": seed}
    rows |= {"num_users": rows_per_day // 100, "num_items": rows_per_day // 200}
    table = Funnel.model_validate(keys | rows).generate()["train"]
    first_day = ~appears_later(table, "user", seed) & ~appears_later(
        table, "item", seed
    )
    (folder / "days").mkdir(parents=True, exist_ok=True)
    for i, day in enumerate(DAYS):
        chosen = slice(i * rows_per_day, (i + 1) * rows_per_day)
        rows_of_day = table.slice(chosen.start, rows_per_day)
        if day == 1:
            rows_of_day = rows_of_day.filter(pa.array(first_day[chosen]))
        pq.write_table(rows_of_day, folder / "days" / f"{day}.parquet")
    own_keys = set(Funnel.model_fields) - set(Funnel.__mro__[1].model_fields)
    plain = {key: value for key, value in keys.items() if key not in own_keys}
    files = {"name": "days", "train": "days/1.parquet", "test": "days/2.parquet"}
    config = folder / "conf" / "dataset" / "days.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(plain | files, sort_keys=False), "utf-8")


def appears_later(table: pa.Table, column: str, seed: int) -> np.ndarray:
    """Returns whether each row's user or item comes with the second day, (rows,)."""
    ids = np.asarray(table[column])
    known = np.unique(ids)
    new = np.random.default_rng(seed).choice(known, int(NEW * len(known)), False)
    return np.isin(ids, new)


if __name__ == "__main__":
    write_days(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 100_000)
