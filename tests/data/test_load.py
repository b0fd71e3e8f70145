"""Data: from files to encoded splits, and what is wrong with a file in one line."""

import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import uci
from helpers.planted_data import parquet
from helpers.slow import slow_except
from hydra import compose, initialize_config_dir

from mtl_cli.config.check import check
from mtl_cli.core.errors import DataError
from mtl_cli.core.paths import conf_folder, resources_folder
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.files import find_files
from mtl_cli.data.load import load
from mtl_cli.heads.base import Output
from mtl_cli.heads.independent import Independent
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.tasks.binary import Binary

RAW_ADULT = resources_folder().parent / "shared" / "data" / "adult"
BUNDLED_ADULT = resources_folder() / "data" / "adult"


def config(*overrides):
    """The checked configuration that `mtl-train` makes of these overrides."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return check(compose("config", overrides=list(overrides)))


def dataset(train, features, tasks, test=None, valid=None, valid_fraction=0.0, **more):
    """A data set as its YAML declares it."""
    return Dataset.model_validate(
        {
            "name": "planted",
            "train": str(train),
            "valid": valid and str(valid),
            "test": test and str(test),
            "valid_fraction": valid_fraction,
            "split_seed": 0,
            "features": features,
            "tasks": tasks,
            **more,
        }
    )


def loaded(*arguments, **options):
    """The data of `dataset(...)`."""
    declared = dataset(*arguments, **options)
    return load(declared, Independent().outputs(declared.tasks))


def error_of(*arguments, **options):
    """The one line that tells why `dataset(...)` cannot be loaded."""
    with pytest.raises(DataError) as caught:
        loaded(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


FEATURES = {
    "city": {"kind": "sparse"},
    "age": {"kind": "dense", "transform": "standard"},
}
TASKS = {"buy": {"label": "buy", "kind": "binary"}}
GOOD = "city,age,buy\nUlm,30,1\nBonn,40,0\nUlm,50,1\nKiel,20,0\n"


def csv_file(folder, text, name="train.csv"):
    """Writes a file; returns its path."""
    path = folder / name
    path.write_text(text)
    return path


# Adult


@pytest.fixture(scope="module")
def adult_data():
    chosen = config("dataset=adult")
    return load(chosen.dataset, chosen.outputs)


def positives(table):
    return {task: int(y.sum()) for task, y in table.labels.items()}


def test_adult_has_the_published_rows_and_positives(adult_data):
    train, valid, test = (adult_data.splits[s] for s in ("train", "valid", "test"))
    assert train.num_rows + valid.num_rows == 32_561
    assert valid.num_rows == 3_256
    assert {t: n + positives(valid)[t] for t, n in positives(train).items()} == {
        "income": 7_841,
        "never_married": 10_683,
    }
    assert test.num_rows == 16_281
    assert positives(test) == {"income": 3_846, "never_married": 5_434}


def test_adult_rows_all_count_and_carry_their_own_labels(adult_data):
    raw = pd.read_parquet(BUNDLED_ADULT / "train.parquet")
    for split in ("train", "valid"):
        table, rows = adult_data.splits[split], adult_data.row_numbers[split]
        assert all((w == 1).all() for w in table.weights.values())
        rich = (raw["income"] == ">50K").to_numpy()[rows]
        single = (raw["marital_status"] == "Never-married").to_numpy()[rows]
        np.testing.assert_array_equal(table.labels["income"], rich)
        np.testing.assert_array_equal(table.labels["never_married"], single)


def test_validation_rows_are_training_rows_held_out(adult_data):
    train, valid = adult_data.row_numbers["train"], adult_data.row_numbers["valid"]
    assert not set(train) & set(valid)
    assert sorted([*train, *valid]) == list(range(32_561))
    np.testing.assert_array_equal(adult_data.row_numbers["test"], np.arange(16_281))


@pytest.mark.parametrize(
    "change", slow_except(["seed=7"], ["seed=7", "model=mmoe", "tasks=[never_married]"])
)
def test_validation_rows_are_the_same_for_every_run(adult_data, change):
    chosen = config("dataset=adult", change)
    again = load(chosen.dataset, chosen.outputs)
    expected = adult_data.row_numbers["valid"]
    np.testing.assert_array_equal(again.row_numbers["valid"], expected)


def test_features_learn_nothing_from_validation_rows(tmp_path):
    # Every row has a city and an age of its own.
    rows = 100
    text = "city,age,buy\n" + "".join(f"c{i},{i * i},{i % 2}\n" for i in range(rows))
    features = FEATURES | {"age": {"kind": "dense", "transform": "minmax"}}
    file = csv_file(tmp_path, text)
    data = loaded(file, features, TASKS, valid_fraction=0.3)
    kept, held = data.row_numbers["train"], data.row_numbers["valid"]
    assert (len(kept), len(held)) == (70, 30)
    vocabulary = data.features.learnt["city"]["vocabulary"]
    assert sorted(vocabulary) == sorted(f"c{i}" for i in kept)
    assert (data.splits["train"].features["ids"] > 0).all()
    assert (data.splits["valid"].features["ids"] == 0).all()
    expected = {"low": float(min(kept) ** 2), "high": float(max(kept) ** 2)}
    assert data.features.learnt["age"] == expected
    np.testing.assert_array_equal(data.splits["valid"].labels["buy"], held % 2)


SLOW_CENSUS = pytest.param("census_income", marks=pytest.mark.slow)


@pytest.mark.parametrize("name", ["adult", SLOW_CENSUS])
def test_bundled_files_are_what_ucis_raw_files_give(name, tmp_path):
    raw, bundled = RAW_ADULT.parent / name, BUNDLED_ADULT.parent / name
    if not raw.is_dir():
        pytest.skip(f"no raw files of UCI in {raw}")
    uci.prepare(name, raw, tmp_path)
    for file in ("train.parquet", "test.parquet"):
        held = pyarrow.parquet.read_table(bundled / file)
        rebuilt = pyarrow.parquet.read_table(tmp_path / file)
        assert rebuilt.column_names == held.column_names == uci.COLUMNS[name].split()
        # Another pandas may choose another Arrow type for the same strings.
        assert rebuilt.cast(held.schema).equals(held)


CENSUS = [
    pytest.param(
        "income",
        ["income", "never_married"],
        {"income": 12_382, "never_married": 86_485},
        marks=pytest.mark.slow,
    ),
    # Associates degree or more: a Pearson correlation of -.239 with never married, as
    # the paper's .2373 in absolute value.
    ("education", ["education", "never_married"], {"education": 39_183}),
]


def with_one_feature(dataset: Dataset) -> Dataset:
    """Leaves out features that no claim concerns: encoding 40 takes seconds."""
    return dataset.model_copy(update={"features": {"age": dataset.features["age"]}})


@pytest.mark.parametrize(("group", "tasks", "positives_of"), CENSUS)
def test_census_groups_have_their_tasks_rows_and_positives(group, tasks, positives_of):
    chosen = config("dataset=census_income", f"dataset.group={group}")
    assert list(chosen.chosen_tasks) == tasks
    assert ("income_50k" in chosen.dataset.used_features) == (group == "education")
    dataset = chosen.dataset if group == "income" else with_one_feature(chosen.dataset)
    data = load(dataset, chosen.outputs)
    rows = {split: table.num_rows for split, table in data.splits.items()}
    assert rows == {"train": 199_523, "valid": 49_881, "test": 49_881}
    for task, expected in positives_of.items():
        assert data.splits["train"].labels[task].sum() == expected
    if group == "income":
        held = [
            data.splits[split].labels["income"].sum() for split in ("valid", "test")
        ]
        assert sum(held) == 6_186


@pytest.mark.slow
def test_census_source_validates_on_the_first_half_of_the_test_file():
    chosen = config("dataset=census_income_source")
    rows = load(with_one_feature(chosen.dataset), chosen.outputs).row_numbers
    np.testing.assert_array_equal(rows["valid"], np.arange(49_881))
    np.testing.assert_array_equal(rows["test"], np.arange(49_881, 99_762))


def test_raw_adult_file_with_one_changed_byte_is_refused(tmp_path):
    if not RAW_ADULT.is_dir():
        pytest.skip(f"no raw files of UCI in {RAW_ADULT}")
    for name in ("adult.data", "adult.test"):
        shutil.copy(RAW_ADULT / f"{name}.gz", tmp_path)
    content = bytearray(gzip.decompress((tmp_path / "adult.test.gz").read_bytes()))
    content[-5] ^= 1
    (tmp_path / "adult.test").write_bytes(content)  # goes before the .gz
    with pytest.raises(DataError, match=r"adult\.test: SHA-256 is .*, expected a2a9"):
        uci.prepare("adult", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "test.parquet").exists()


def test_missing_raw_adult_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"holds neither adult\.data nor adult\.data\."):
        uci.prepare("adult", tmp_path, tmp_path / "out")


def test_wrong_raw_adult_file_is_refused(tmp_path):
    (tmp_path / "adult.data").write_text("39, State-gov\n")
    with pytest.raises(DataError, match=r"adult\.data: SHA-256 is .*, expected 5b00"):
        uci.prepare("adult", tmp_path, tmp_path / "out")


# Files that lack something


def test_missing_test_file_is_named_with_its_key(tmp_path):
    file = csv_file(tmp_path, GOOD)
    message = error_of(file, FEATURES, TASKS, test=tmp_path / "nowhere.parquet")
    assert message.startswith(f"dataset.test: no file '{tmp_path}/nowhere.parquet'")


def test_missing_column_like_no_other_gets_no_suggestion(tmp_path):
    features = {"zzz": {"kind": "sparse"}}
    message = error_of(csv_file(tmp_path, GOOD), features, TASKS)
    assert message.endswith("which has city, age, buy")


def test_missing_column_of_the_test_file_names_that_file(tmp_path):
    test = csv_file(tmp_path, "city,buy\nUlm,1\n", "test.csv")
    message = error_of(csv_file(tmp_path, GOOD), FEATURES, TASKS, test=test)
    assert f"dataset.features.age: no column 'age' in {test}" in message


def test_parquet_file_without_rows_is_refused(tmp_path):
    file = tmp_path / "train.parquet"
    empty = pa.table({"city": pa.array([], pa.string()), "age": [], "buy": []})
    pyarrow.parquet.write_table(empty, file)
    message = error_of(file, FEATURES, TASKS)
    assert message == f"dataset.train: {file} has no rows"


@pytest.mark.parametrize("positive", [None, 1])
@pytest.mark.parametrize("empty", [None, float("nan")])
def test_missing_label_does_not_count_and_is_not_a_negative(tmp_path, positive, empty):
    # Arrow tells NaN from null; a file that pyarrow wrote may hold either.
    columns = {"city": ["a", "b", "c"], "age": [1, 2, 3], "buy": [1.0, 0.0, empty]}
    table = pa.table(columns)
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    tasks = {"buy": TASKS["buy"] | {"positive": positive}}
    train = loaded(tmp_path / "train.parquet", FEATURES, tasks).splits["train"]
    assert train.weights["buy"].tolist() == [1, 1, 0]
    np.testing.assert_array_equal(train.labels["buy"], [1, 0, np.nan])


FUNNEL = "city,age,buy,click\nUlm,1,1,1\nUlm,2,0,1\nUlm,3,0,0\nUlm,4,,1\nUlm,5,1,\n"


@pytest.mark.parametrize("declared", [True, False])
def test_task_counts_only_in_its_space(tmp_path, declared):
    # The space is a task, with a label in words or not, or any column of 0 and 1.
    tasks = {"buy": TASKS["buy"] | {"space": "clicked" if declared else "click"}}
    if declared:
        tasks["clicked"] = {"label": "click", "kind": "binary", "positive": 1}
    train = loaded(csv_file(tmp_path, FUNNEL), FEATURES, tasks).splits["train"]
    assert train.weights["buy"].tolist() == [1, 1, 0, 0, 0]


def test_weight_column_weighs_rows(tmp_path):
    tasks = {"buy": TASKS["buy"] | {"space": "click"}}
    file = csv_file(tmp_path, FUNNEL)
    train = loaded(file, FEATURES, tasks, weight_column="age").splits["train"]
    assert train.weights["buy"].tolist() == [1, 2, 0, 0, 0]


def test_groups_are_told_apart_by_their_values(tmp_path):
    file = csv_file(tmp_path, GOOD)
    train = loaded(file, FEATURES, TASKS, group_column="city").splits["train"]
    cities = [line.split(",")[0] for line in GOOD.splitlines()[1:]]
    for a, first in enumerate(cities):
        for b, second in enumerate(cities):
            assert (train.groups[a] == train.groups[b]) == (first == second)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("empty", [None, float("nan")])
def test_rows_without_a_group_are_of_none(tmp_path, empty, stream):
    rows = 40
    groups = [1.0, empty, 2.0, empty] * (rows // 4)
    columns = {"age": range(rows), "buy": [0, 1] * (rows // 2)}
    columns |= {"user": pa.array(groups, from_pandas=False)}
    features = {"age": FEATURES["age"]}
    keys = {"group_column": "user", "stream": stream, "valid_fraction": 0.5}
    data = loaded(parquet(tmp_path, columns), features, TASKS, **keys)
    assert set(data.splits) == {"train", "valid"}
    for split, table in data.splits.items():
        empties = data.row_numbers[split] % 2 == 1
        np.testing.assert_array_equal(np.asarray(table.groups) == -1, empties)
        output = Output("buy", "buy", Binary(label="buy"))
        scores = score_outputs([output], table, {"buy": np.arange(table.num_rows)})
        # Labels are 0 in all rows that have a user.
        assert scores["buy"]["gauc"] is None
        assert scores["buy"]["why"]["gauc"] == "none of 2 groups has both classes"


@pytest.mark.parametrize("split", ["valid", "test"])
def test_split_other_than_train_may_lack_positives(tmp_path, split):
    # The metrics of the split are then undefined, and say so; training goes on.
    tasks = {"buy": {"label": "city", "kind": "binary", "positive": "Ulm"}}
    features = {"age": FEATURES["age"]}
    other = csv_file(tmp_path, "city,age,buy\nBonn,40,0\n", "other.csv")
    data = loaded(csv_file(tmp_path, GOOD), features, tasks, **{split: other})
    assert data.splits[split].labels["buy"].tolist() == [0]


# CSV and Parquet


def both_files(folder, columns):
    """Writes one table as CSV and as Parquet."""
    table = pa.table(columns)
    pyarrow.csv.write_csv(table, folder / "train.csv")
    pyarrow.parquet.write_table(table, folder / "train.parquet")
    return folder / "train.csv", folder / "train.parquet"


def test_csv_and_parquet_of_a_table_are_encoded_alike(tmp_path):
    random = np.random.default_rng(0)
    rows = 500
    words = ["NA", "null", "None", "nan", "a,b", 'say "hi"', "ä", " x ", None]
    columns = {
        "word": pa.array(random.choice(words, rows).tolist(), pa.string()),
        "number": pa.array(
            [None if i % 7 == 0 else 2**53 + i % 5 for i in range(rows)], pa.int64()
        ),
        "flag": pa.array((random.random(rows) < 0.5).tolist()),
        "money": random.lognormal(3, 1, rows),
        "years": random.integers(18, 90, rows),
        "buy": random.integers(0, 2, rows),
        "plan": random.choice(["NA", "gold"], rows).tolist(),
        "spent": random.normal(0, 5, rows),
    }
    features = {
        "word": {"kind": "sparse", "min_count": 2},
        "number": {"kind": "sparse"},
        "flag": {"kind": "sparse"},
        "years": {"kind": "bucketized", "num_buckets": 8},
        "money": {"kind": "dense", "transform": "log1p"},
    }
    tasks = {
        "buy": {"label": "buy", "kind": "binary"},
        "no_plan": {"label": "plan", "kind": "binary", "positive": "NA"},
        "spent": {"label": "spent", "kind": "regression"},
    }
    csv, parquet = (
        loaded(file, features, tasks, valid_fraction=0.2)
        for file in both_files(tmp_path, columns)
    )
    assert csv.features.learnt == parquet.features.learnt
    assert csv.features.layout == parquet.features.layout
    for split, table in csv.splits.items():
        other = parquet.splits[split]
        for mine, its in (
            (table.features, other.features),
            (table.labels, other.labels),
            (table.weights, other.weights),
        ):
            assert mine.keys() == its.keys()
            for name, x in mine.items():
                np.testing.assert_array_equal(x, its[name], strict=True)
    assert csv.fingerprint != parquet.fingerprint


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_na_is_a_value_and_an_empty_field_is_none(tmp_path, ending):
    columns = {"city": ["NA", None, "null", "NaN"], "age": [1, 2, 3, 4]}
    files = both_files(tmp_path, columns | {"buy": [0, 1, 0, 1]})
    file = files[ending == "parquet"]
    data = loaded(file, FEATURES, TASKS)
    assert data.features.learnt["city"]["vocabulary"] == ["NA", "NaN", "null"]
    ids = data.splits["train"].features["ids"][:, 0]
    assert ids.tolist() == [1, 0, 3, 2]


def test_whole_numbers_with_a_gap_in_csv_keep_ids_above_2_to_the_53(tmp_path):
    near = [2**53, 2**53 + 1, 2**53 + 2, -(2**53) - 1]
    text = "city,age,buy\n" + "".join(f"{i},1,{i % 2}\n" for i in near) + ",2,0\n"
    data = loaded(csv_file(tmp_path, text), FEATURES, TASKS)
    assert data.features.learnt["city"]["vocabulary"] == [str(i) for i in sorted(near)]
    assert data.splits["train"].features["ids"][:, 0].tolist() == [2, 3, 4, 1, 0]


def test_pandas_categories_are_their_values(tmp_path):
    frame = pd.DataFrame({"city": ["b", "a", "b"], "age": [1, 2, 3], "buy": [0, 1, 0]})
    frame["city"] = frame["city"].astype("category")
    frame.to_parquet(tmp_path / "train.parquet")
    test = csv_file(tmp_path, GOOD.replace("Ulm", "b"), "test.csv")
    data = loaded(tmp_path / "train.parquet", FEATURES, TASKS, test=test)
    assert data.splits["train"].features["ids"][:, 0].tolist() == [2, 1, 2]
    assert data.splits["test"].features["ids"][:, 0].tolist() == [2, 0, 2, 0]


def test_ids_are_the_same_in_a_file_that_holds_words_too(tmp_path):
    # An id column whose test file holds one "?".
    train = csv_file(tmp_path, "city,age,buy\n1,30,1\n2,40,0\n")
    test = csv_file(tmp_path, "city,age,buy\n1,30,1\n?,40,0\n", "test.csv")
    data = loaded(train, FEATURES, TASKS, test=test)
    assert data.splits["test"].features["ids"][:, 0].tolist() == [1, 0]


def test_ids_in_csv_keep_their_leading_zeros(tmp_path):
    file = csv_file(tmp_path, "city,age,buy\n007,30,1\n7,40,0\n")
    data = loaded(file, FEATURES, TASKS)
    assert data.features.learnt["city"]["vocabulary"] == ["007", "7"]


def test_pipe_is_refused_as_such(tmp_path):
    pipe = tmp_path / "rows.csv"
    os.mkfifo(pipe)
    assert "is not a regular file" in error_of(pipe, FEATURES, TASKS)


def test_url_of_a_file_is_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    csv_file(tmp_path, GOOD)
    for start in ("file://", f"file://{tmp_path}/", f"file://localhost{tmp_path}/"):
        (path,) = find_files("dataset.train", f"{start}train.csv", "auto").paths
        assert Path(path).read_text() == GOOD


def test_feature_that_is_all_missing_in_the_test_file_is_unseen(tmp_path):
    train = csv_file(tmp_path, GOOD)
    test = csv_file(tmp_path, "city,age,buy\n,30,1\n,40,0\n", "test.csv")
    data = loaded(train, FEATURES, TASKS, test=test)
    assert data.splits["test"].features["ids"][:, 0].tolist() == [0, 0]


def test_fingerprint_changes_with_any_byte_of_any_file(tmp_path):
    train = csv_file(tmp_path, GOOD)
    test = csv_file(tmp_path, GOOD, "test.csv")
    before = loaded(train, FEATURES, TASKS, test=test).fingerprint
    assert loaded(train, FEATURES, TASKS, test=test).fingerprint == before
    test.write_text(GOOD.replace("20", "21"))
    assert loaded(train, FEATURES, TASKS, test=test).fingerprint != before


def test_encoder_of_saved_statistics_encodes_adult_alike(adult_data):
    chosen = config("dataset=adult")
    statistics = json.loads(json.dumps(adult_data.features.learnt))
    again = FeatureSet(chosen.dataset.features, statistics)
    test = pyarrow.parquet.read_table(BUNDLED_ADULT / "test.parquet")
    expected = adult_data.splits["test"].features
    for name, x in again.encode(test).items():
        np.testing.assert_array_equal(x, expected[name], strict=True)


@pytest.mark.slow
def test_paths_are_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = config("dataset=adult", "dataset.test=null")
    train = load(chosen.dataset, chosen.outputs).splits["train"]
    assert train.num_rows == 32_561 - 3_256
    csv_file(tmp_path, GOOD)
    assert loaded(Path("train.csv"), FEATURES, TASKS).splits["train"].num_rows == 4
