"""Short YAML files of data sets, written by hand as the documentation says."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from helpers.commands import refused
from helpers.slow import slow_except
from pyarrow import parquet

SHORTEST = """
name: shop
train: shop.parquet
features: {item: {kind: sparse}}
tasks: {click: {label: click, kind: binary}}
"""
HEAD = "name: shop\ntrain: shop.parquet\n"
FEATURES = "features: {item: {kind: sparse}}\n"
TASKS = "tasks: {click: {label: click, kind: binary}}\n"

ACCEPTED = {
    "the shortest": SHORTEST,
    "null written out": SHORTEST + "valid: null\ntest: null\n",
    "a share of test rows": SHORTEST + "test_fraction: 0.2\n",
    "another share of validation rows": SHORTEST + "valid_fraction: 0.3\n",
    "a file of validation rows": SHORTEST + "valid: other.parquet\n",
    "a file of test rows": SHORTEST + "test: other.parquet\n",
    "all files": SHORTEST + "valid: other.parquet\ntest: other.parquet\n",
    "validation rows of the test file": SHORTEST
    + "test: other.parquet\nvalid_from: test\n",
    "a split by user": SHORTEST + "split_by: group\nsplit_column: user\n",
    "a split by time": SHORTEST + "split_by: time\nsplit_column: time\n",
    "a split by order": SHORTEST + "split_by: order\ntest_fraction: 0.1\n",
    "another seed of the split": SHORTEST + "split_seed: 3\n",
    "group AUC": SHORTEST + "group_column: user\n",
    "a dense feature without a transform": HEAD
    + "features: {price: {kind: dense}}\n"
    + TASKS,
    "all kinds of features": HEAD
    + TASKS
    + """
features:
  user: {kind: hashed, num_buckets: 100}
  item: {kind: sparse}
  user_item: {kind: cross, columns: [user, item]}
  tags: {kind: sequence, max_length: 4, separator: "|"}
  price: {kind: bucketized, num_buckets: 8}
  time: {kind: piecewise_linear, num_buckets: 8}
""",
    "all kinds of tasks": HEAD
    + FEATURES
    + """
tasks:
  click: {label: click, kind: binary}
  seconds: {label: price, kind: regression}
  stars: {label: stars, kind: multiclass, classes: [1, 2, 3]}
""",
}
REFUSED = {
    "": "missing key 'dataset.name'; add it to the YAML file",
    FEATURES + TASKS: "missing key 'dataset.name'; add it to the YAML file",
    "name: shop\n": "missing keys 'dataset.train', 'dataset.features', "
    "'dataset.tasks'; add them to the YAML file",
    HEAD + TASKS: "missing key 'dataset.features'; add it to the YAML file",
    HEAD + TASKS + "features: [item]\n": 'dataset.features: ["item"] should be a '
    "mapping, as in {key: value}",
    HEAD + TASKS + "features: {item: sparse}\n": "dataset.features.item: 'sparse' "
    "should be a mapping, as in {key: value}",
    HEAD + TASKS + "features:\n  item {kind: sparse}\n": "dataset.features.item {kind: "
    "'sparse}' should be a mapping, as in {key: value}; write a colon before the '{' "
    "of its name\n",
    HEAD + TASKS + "features: {item: {}}\n": "missing key 'dataset.features.item.kind'",
    HEAD + TASKS + "features: {item: null}\n": "dataset.features.item: null should be "
    "a mapping, as in {key: value}",
    HEAD + FEATURES + "tasks: [click]\n": 'dataset.tasks: ["click"] should be a '
    "mapping, as in {key: value}",
    HEAD + FEATURES + "tasks: {click: binary}\n": "dataset.tasks.click: 'binary' "
    "should be a mapping, as in {key: value}",
    HEAD + FEATURES + "tasks: {click: {kind: binary}}\n": "missing key "
    "'dataset.tasks.click.label'",
    HEAD + FEATURES + "tasks: {click: {label: click}}\n": "missing key "
    "'dataset.tasks.click.kind'",
    HEAD + TASKS + "features: {tags: {kind: sequence}}\n": "missing key "
    "'dataset.features.tags.max_length'; add it to the YAML file",
    HEAD + TASKS + "features: {price: {kind: piecewise_linear}}\n": "missing key "
    "'dataset.features.price.num_buckets'; add it to the YAML file",
    SHORTEST + "split: random\n": "unknown key 'dataset.split'",
    SHORTEST + "weightcolumn: w\n": "'dataset.weightcolumn'; did you mean dataset.weig",
    SHORTEST + "csv: {delimeter: x}\n": "did you mean dataset.csv.delimiter?",
    HEAD + TASKS + "features: {item: {kind: sparse, mincount: 3}}\n": "unknown key "
    "'dataset.features.item.mincount'; did you mean dataset.features.item.min_count?",
    HEAD + TASKS + "features: {item: {kind: sparse, column: id}}\n": "unknown key "
    "'dataset.features.item.column'; known keys of dataset.features.item: kind, "
    "embedding_dim, min_count, ",
    HEAD + FEATURES + "tasks: {click: {label: click, kind: binary, weigth: 2}}\n": ""
    "did you mean dataset.tasks.click.weight?",
    SHORTEST + "split_column: user\n": "dataset.split_column: ",
    SHORTEST + "valid: other.parquet\nvalid_fraction: 0.1\n": "dataset.valid_fraction",
    SHORTEST.replace("name: shop", "name: a b"): "dataset.name: 'a b' should be "
    "letters, digits, '_', '.' and '-', and begin with a letter or a digit",
    HEAD + FEATURES + "tasks: {a b: {label: click, kind: binary}}\n": "dataset.tasks."
    "a b: the name 'a b' should be a letter, then letters, digits and '_'",
    SHORTEST + "csv: true\n": "dataset.csv: true should be a mapping",
}


def check_only(folder: Path, text: str, *settings: str) -> tuple[int, str]:
    """Returns the exit code and stderr of `check_only=true` for a data set's YAML."""
    rows = 200
    random = np.random.default_rng(0)
    columns = {
        "user": random.integers(0, 20, rows).astype(str),
        "item": random.integers(0, 9, rows).astype(str),
        "tags": random.choice(["a|b", "b", "a|c|d"], rows),
        "price": random.random(rows),
        "time": np.arange(rows),
        "stars": random.integers(1, 4, rows),
        "click": random.integers(0, 2, rows),
    }
    for name in ("shop", "other"):
        parquet.write_table(pa.table(columns), folder / f"{name}.parquet")
    (folder / "conf" / "dataset").mkdir(parents=True)
    (folder / "conf" / "dataset" / "shop.yaml").write_text(text, "utf-8")
    code, _, err, _ = refused(folder, "dataset=shop", "check_only=true", *settings)
    return code, err


@pytest.mark.parametrize(
    "name", slow_except(["the shortest", "all kinds of tasks"], ACCEPTED)
)
def test_yaml_without_usual_values_is_accepted(name: str, tmp_path: Path) -> None:
    assert check_only(tmp_path, ACCEPTED[name]) == (0, "")
    assert list((tmp_path / "outputs" / "runs").iterdir()) == []


@pytest.mark.slow
def test_check_keeps_a_folder_that_is_named(tmp_path: Path) -> None:
    assert check_only(tmp_path, SHORTEST, "hydra.run.dir=kept") == (0, "")
    assert (tmp_path / "kept" / "data_report.json").exists()


@pytest.mark.parametrize("text", slow_except([*REFUSED][::8], REFUSED))
def test_wrong_yaml_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    code, err = check_only(tmp_path, text)
    assert code == 2
    assert REFUSED[text] in err
    assert err.count("\n") == 1
