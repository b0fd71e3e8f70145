"""Finds the code blocks of the documentation, and writes the files that they read."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pyarrow import csv

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "data/*/*.md")
    for page in ROOT.glob(pattern)
)
# A block from the opening to the closing fence: its language and its text.
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A comment at the top of a block with the name of a file, maybe below `# @package`.
FILE_COMMENT = re.compile(r"(?:# @.*\n)?# ([\w./-]+\.(?:yaml|py))\n")
SMALL_ROWS = 2000  # of a data set, so that commands run within seconds


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: the path of the Markdown file, relative to the root.
        line: the number of the line with the opening fence, from 1.
        language: the word after the opening fence, such as `bash`; may be empty.
        text: the code.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The name of the file that the block shows, from a comment at its top."""
        match = FILE_COMMENT.match(self.text)
        return match[1] if match else None

    @property
    def commands(self) -> list[list[str]]:
        """The commands of a `bash` block, each split into arguments."""
        if self.language != "bash":
            return []
        joined = self.text.replace("\\\n", " ")
        return [
            arguments
            for line in joined.splitlines()
            if (arguments := shlex.split(line, comments=True))
        ]


def blocks_of(page: str) -> list[Block]:
    """Returns the code blocks of a page, in order."""
    text = (ROOT / page).read_text("utf-8")
    return [
        Block(page, text[: match.start()].count("\n") + 1, match[1], match[2])
        for match in FENCE.finditer(text)
    ]


def make_example_folder(folder: Path) -> None:
    """Fills a folder in which the commands of every page run within seconds.

    The folder has the files that the pages name, and a `conf/` with small data sets and
    one epoch of training.
    """
    make_small_configs(folder)
    events = example_events(SMALL_ROWS)
    without_lists = events.drop_columns(["history", "tags", "picture"])
    pq.write_table(without_lists, folder / "events.parquet")
    for day in ("day1", "day2"):
        csv.write_csv(without_lists, folder / f"{day}.csv")
    for day in ("day=1", "day=2"):
        (folder / "shop" / day).mkdir(parents=True)
        pq.write_table(events, folder / "shop" / day / "part.parquet")
    pq.write_table(example_events(500, seed=1), folder / "shop" / "test.parquet")
    pq.write_table(example_events(20, seed=2), folder / "shop" / "new.parquet")


def make_small_configs(folder: Path) -> None:
    """Writes a `conf/` with data sets of `SMALL_ROWS` rows, trained for one epoch."""
    (folder / "conf" / "dataset").mkdir(parents=True)
    (folder / "conf" / "trainer").mkdir()
    for source in (ROOT / "conf" / "dataset").glob("*.yaml"):
        keys = yaml.safe_load(source.read_text("utf-8"))
        for file in ("train", "test"):
            if keys[file] == "generated":
                keys[f"{file}_rows"] = SMALL_ROWS
                continue
            table = pq.read_table(ROOT / keys[file]).slice(0, SMALL_ROWS)
            keys[file] = f"small/{keys[file].removeprefix('data/')}"
            (folder / keys[file]).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, folder / keys[file])
        target = folder / "conf" / "dataset" / source.name
        target.write_text(yaml.safe_dump(keys, sort_keys=False), "utf-8")
    trainer = (ROOT / "conf" / "trainer" / "default.yaml").read_text("utf-8")
    one_epoch = re.sub("^epochs: auto", "epochs: 1", trainer, count=1)
    assert one_epoch != trainer
    (folder / "conf" / "trainer" / "default.yaml").write_text(one_epoch, "utf-8")


def example_events(rows: int, seed: int = 0) -> pa.Table:
    """Returns a table with the columns that the pages about own data name."""
    random = np.random.default_rng(seed)
    price = random.lognormal(3, 1, rows).round(2)
    click = (random.random(rows) < 0.4).astype("int64")
    buy = click * (random.random(rows) < 0.5)
    return pa.table(
        {
            "user": [f"u{i}" for i in random.integers(0, 50, rows)],
            "item": [f"i{i}" for i in random.integers(0, 20, rows)],
            "query": [f"q{i}" for i in random.integers(0, 30, rows)],
            "city": [f"c{i}" for i in random.integers(0, 5, rows)],
            "hour": random.integers(0, 24, rows),
            "time": [f"2026-01-{1 + i % 28:02} 14:05:09" for i in range(rows)],
            "history": [
                [f"i{i}" for i in random.integers(0, 20, random.integers(0, 4))]
                for _ in range(rows)
            ],
            "tags": ["new|sale" if i % 3 else "" for i in range(rows)],
            "picture": random.normal(size=(rows, 64)).tolist(),
            "price": price,
            "age": random.integers(18, 80, rows).astype("float64"),
            "ctr_7d": random.random(rows),
            "click": click,
            "buy": buy,
            "reaction": ["like" if x < 0.3 else "none" for x in random.random(rows)],
            "seconds": random.gamma(2, 20, rows).round(1),
            "euros": buy * price,
            "stars": random.integers(1, 6, rows),
        }
    )
