"""`mtl-init` writes the data set that a careful person would write, or says why not."""

import errno
import gzip
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import yaml
from helpers.fitted_columns import fit_and_encode
from omegaconf import OmegaConf
from uci import COLUMNS

from mtl_cli.core import atomic_write
from mtl_cli.core.paths import resources_folder
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.dataset import Dataset
from mtl_cli.features.calendar import Calendar
from mtl_cli.init import column_profile, preview
from mtl_cli.init.column_profile import profile_column
from mtl_cli.init.column_summary import summarize
from mtl_cli.tasks.binary import Binary

Run = Callable[..., tuple[int, str, str]]
ROWS = 2000


def written(name: str) -> dict[str, Any]:
    """Returns the YAML of a data set, the same to PyYAML, to OmegaConf and as ours."""
    text = Path(f"conf/dataset/{name}.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.safe_load(text)
    assert OmegaConf.to_container(OmegaConf.create(text)) == values
    Dataset.model_validate(values)
    return values


def kinds(values: dict[str, Any]) -> dict[str, str]:
    return {name: feature["kind"] for name, feature in values["features"].items()}


def line_of(name: str, column: str) -> str:
    """Returns the line of a column in the YAML, a comment or not."""
    lines = Path(f"conf/dataset/{name}.yaml").read_text(encoding="utf-8").splitlines()
    starts = (f"{column}:", f"# {column}:", f"# {column} ")
    (line,) = (line for line in lines if line.strip().startswith(starts))
    return line.strip()


def write_csv(path: str, **columns: Any) -> None:
    pd.DataFrame(columns).to_csv(path, index=False)


def proposed(run: Run, *tasks: str, **columns: Any) -> dict[str, Any]:
    """Returns what is written for a CSV file of columns, with `click` as a task."""
    random = np.random.default_rng(0)
    rows = len(next(iter(columns.values())))
    click = random.integers(0, 2, rows)
    write_csv("shop.csv", **{"click": click, "ad": np.arange(rows) % 7} | columns)
    code, _, err = run("shop.csv", "--task", *(tasks or ["click"]), "--force")
    assert (code, err) == (0, "")
    return written("shop")


def shop() -> dict[str, Any]:
    """Returns columns with what real tables have: large ids, lists, gaps, times."""
    random = np.random.default_rng(1)
    users = 2**53 + 1 + 2 * np.floor(random.exponential(60, ROWS)).astype("int64")
    click = random.integers(0, 2, ROWS)
    first = datetime(2026, 1, 1)
    tags = ["rock", "pop", "jazz", "folk", "metal", "dance"]
    picked = [random.permutation(tags)[: 1 + i % 4] for i in range(ROWS)]
    every = np.arange(ROWS)
    return {
        "row": every,
        "user_id": [str(u) if i % 50 else "" for i, u in enumerate(users)],
        "item_id": every % 400,
        "price": np.where(every % 20, random.lognormal(2, 1, ROWS).round(2), np.nan),
        "tags": ["|".join(p) for p in picked],
        "country": random.choice(["DE", "FR", "NA"], ROWS),
        "seen_at": [(first + timedelta(hours=i)).isoformat() for i in range(ROWS)],
        "source": "web",
        "clicked": np.where(click, "yes", "no"),
        "click": [str(c) if i % 10 else "" for i, c in enumerate(click)],
        "buy": click * random.integers(0, 2, ROWS),
    }


def adult_without_header(path: Path) -> None:
    frame = pd.read_parquet(resources_folder() / "data/adult/train.parquet")
    lines = frame.astype(str).agg(", ".join, axis=1)
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")


# Proposals


@pytest.mark.slow
def test_raw_adult_becomes_what_a_person_would_write(run: Run, tmp_path: Path) -> None:
    adult_without_header(tmp_path / "adult.data")
    names = ",".join(COLUMNS["adult"].split())
    tasks = ["--task", "income", "never_married=marital_status"]
    code, out, err = run("adult.data", "--columns", names, *tasks)
    assert (code, err) == (0, "")
    values = written("adult")
    assert kinds(values) == {
        "age": "piecewise_linear",
        "workclass": "sparse",
        "fnlwgt": "piecewise_linear",
        "education": "sparse",
        "education_num": "piecewise_linear",
        "occupation": "sparse",
        "relationship": "sparse",
        "race": "sparse",
        "gender": "sparse",
        "capital_gain": "bucketized",
        "capital_loss": "bucketized",
        "hours_per_week": "bucketized",
        "native_country": "sparse",
    }
    assert values["tasks"]["income"]["positive"] == ">50K"
    assert values["tasks"]["never_married"]["kind"] == "binary"
    assert values["tasks"]["never_married"]["positive"] == "Never-married"
    assert values["format"] == "csv"
    assert values["csv"] == {
        "delimiter": None,
        "columns": names.split(","),
        "trim": True,
        "null_values": [],
    }
    assert values["train"] == "adult.data"
    assert "all 32,561 rows" in Path("conf/dataset/adult.yaml").read_text()
    assert "mtl-train dataset=adult check_only=true\n" in out
    assert out.endswith("mtl-train dataset=adult model=mmoe\n")


@pytest.mark.slow
def test_census_income_becomes_nearly_the_bundled_data_set(run: Run) -> None:
    tasks = ["income=income_50k", "education", "never_married=marital_stat"]
    table = (
        "data/census_income/train.parquet"  # found among the bundled, as by mtl-train
    )
    code, _, err = run(table, "--task", *tasks, "--name", "census")
    assert (code, err) == (0, "")
    values = written("census")
    bundled = yaml.safe_load(
        (resources_folder() / "conf/dataset/census_income.yaml").read_text()
    )
    same = kinds(bundled)
    del same["income_50k"]  # a feature of one group of tasks only
    small_numbers = ("num_emp", "own_or_self", "vet_benefits")
    same |= dict.fromkeys(small_numbers, "piecewise_linear")
    assert kinds(values) == same
    tasks_found = {name: task["kind"] for name, task in values["tasks"].items()}
    assert tasks_found == {
        "income": "binary",
        "education": "multiclass",
        "never_married": "binary",
    }
    assert values["tasks"]["income"]["positive"] == "50000+"
    assert len(values["tasks"]["education"]["classes"]) == 17
    assert "weight_column: instance_weight" in line_of("census", "instance_weight")
    assert (values["format"], values["csv"]["trim"]) == ("auto", False)


def test_made_table_is_told_apart_column_by_column(run: Run) -> None:
    write_csv("shop.csv", **shop())
    code, _, err = run("shop.csv", "--task", "click", "buy", "--space", "buy:click")
    assert (code, err) == (0, "")
    values = written("shop")
    assert values["features"] == {
        "user_id": {"kind": "sparse", "min_count": 2},
        "item_id": {"kind": "sparse"},
        "price": {"kind": "piecewise_linear", "num_buckets": 16, "missing": "bucket"},
        "tags": {"kind": "sequence", "max_length": 4, "separator": "|"},
        "country": {"kind": "sparse"},
    }
    assert "kept exact" in line_of("shop", "user_id")
    assert "5.0% missing" in line_of("shop", "price")
    assert "always web" in line_of("shop", "source")
    assert "differs in nearly every row" in line_of("shop", "row")
    assert "alone predicts click with AUC 1" in line_of("shop", "clicked")
    assert values["split_by"] == "time"
    assert values["split_column"] == "seen_at"
    assert (values["valid_fraction"], values["test_fraction"]) == (0.1, 0.1)
    assert values["tasks"]["click"]["positive"] is None
    assert values["tasks"]["buy"]["space"] == "click"
    text = Path("conf/dataset/shop.yaml").read_text()
    assert "of 1,800 labels, 10.0% missing (not counted) are 1" in text


def test_every_key_of_the_schema_is_written_out(run: Run) -> None:
    values = proposed(run, x=np.linspace(0, 1, ROWS))
    assert set(values) == set(Dataset.model_fields) - {"only_scenario"}  # of twins
    assert set(values["csv"]) == set(Csv.model_fields)
    assert set(values["tasks"]["click"]) == set(Binary.model_fields) - {
        "focal_gamma",
        "truth",
    }


def test_labels_become_tasks_by_what_they_hold(run: Run) -> None:
    every = np.arange(ROWS)
    values = proposed(
        run,
        "click",
        "like=reaction",
        "sold",
        "active",
        "stars",
        "cover",
        "seconds",
        "spent",
        "dwell",
        reaction=np.where(every % 5, "none", "like"),
        sold=np.where(every % 5, "yes", "no"),
        active=every % 2 == 0,
        stars=every % 5 + 1,
        cover=np.array(["red", "green", "blue"])[every % 3],
        seconds=every / 10,
        spent=np.where(every % 3, 0, every),
        dwell=np.exp(4 * every / ROWS),
    )
    tasks = values["tasks"]
    assert {name: task["kind"] for name, task in tasks.items()} == {
        "click": "binary",
        "like": "binary",
        "sold": "binary",
        "active": "binary",
        "stars": "multiclass",
        "cover": "multiclass",
        "seconds": "regression",
        "spent": "regression",
        "dwell": "regression",
    }
    assert tasks["like"]["positive"] == "like"  # the rarer one
    assert tasks["sold"]["positive"] == "yes"  # its meaning is plain, though it is not
    assert tasks["active"]["positive"] == "True"
    assert tasks["stars"]["classes"] == [1, 2, 3, 4, 5]
    assert tasks["cover"]["classes"] == ["blue", "green", "red"]
    assert tasks["seconds"]["transform"] == "standard"
    assert tasks["spent"]["transform"] == "standard"
    yaml_text = Path("conf/dataset/shop.yaml").read_text()
    assert "log1p learns a value near the median" in yaml_text
    assert "66.7% are 0: wlr or ziln may fit better" in yaml_text
    assert "the labels have a long tail: wlr may fit better" in yaml_text
    assert "if the order of the classes counts, write ordinal" in yaml_text
    assert "400" not in line_of("shop", "ad")
    assert "positive: like" in yaml_text


def test_booleans_of_parquet_are_labels_and_features_as_they_are(run: Run) -> None:
    every = np.arange(ROWS)
    table = pa.table(
        {"click": every % 3 == 0, "mobile": every % 2 == 0, "ad": every % 7}
    )
    pa.parquet.write_table(table, "shop.parquet")
    assert run("shop.parquet", "--task", "click")[0] == 0
    values = written("shop")
    assert values["tasks"]["click"]["positive"] is None
    assert kinds(values) == {"mobile": "sparse", "ad": "sparse"}


def test_numbers_are_amounts_or_ids_by_name_and_by_how_they_repeat(run: Run) -> None:
    every = np.arange(20_000)
    random = np.random.default_rng(0)
    values = proposed(
        run,
        age=every % 80,
        store_code=every % 80,
        balance=-(every % 500),
        c7=random.permutation(every % 1500),
        paid=np.where(every % 2, 0, every % 1000),
        few=every % 15,
        rate=every / 7,
        zip=[f"{i % 300:05}" for i in every],
    )
    assert kinds(values) == {
        "ad": "sparse",
        "age": "piecewise_linear",
        "store_code": "sparse",
        "balance": "piecewise_linear",
        "c7": "sparse",
        "paid": "bucketized",
        "few": "piecewise_linear",
        "rate": "piecewise_linear",
        "zip": "sparse",
    }
    assert "taken for ids; if they are amounts" in line_of("shop", "c7")
    assert "taken for amounts; if codes" in line_of("shop", "paid")


def test_numbers_of_customers_and_orders_are_ids_if_they_are_many(run: Run) -> None:
    every = np.arange(20_000)
    values = proposed(
        run,
        customer_number=every // 10 % 1500,
        ItemNo=every // 7 % 1200,
        order_number=every % 90 + 1,  # the orders of a user are counted
        InvoiceNumber=every // 4,
        sales_order_nr=every,
        user_num=every // 10 % 1500,
    )
    assert kinds(values) == {
        "ad": "sparse",
        "customer_number": "sparse",
        "ItemNo": "sparse",
        "order_number": "piecewise_linear",
        "user_num": "piecewise_linear",
    }
    assert values["group_column"] == "customer_number"


def test_repeated_numbers_are_amounts_if_their_counts_follow_their_size(
    run: Run,
) -> None:
    random = np.random.default_rng(0)
    rows, num_ids = 40_000, 1500
    popular = random.dirichlet(random.lognormal(0, 1, num_ids))
    with_gaps = np.sort(random.choice(100_000, num_ids, replace=False))
    seen = random.choice(num_ids, rows, p=popular)
    by_rank = np.sort(popular)[::-1]
    sizes = random.lognormal(6.5, 0.7, rows).astype("int64")
    values = proposed(
        run,
        votes=np.floor(random.lognormal(5, 1.5, rows)).astype("int64"),
        waited=np.floor(random.exponential(1000, rows)).astype("int64"),
        departure_time=with_gaps[seen],
        c1=with_gaps[seen],
        c2=random.choice(num_ids, rows, p=by_rank),  # the first id is the most popular
        c3=with_gaps[np.arange(rows) % num_ids],  # all equally often
        c4=with_gaps[random.integers(0, num_ids, rows)],
        respondents=np.where(np.arange(rows) % 4, sizes.round(-2), sizes),
    )
    assert kinds(values) == {
        "ad": "sparse",
        "respondents": "piecewise_linear",
        "votes": "piecewise_linear",
        "waited": "piecewise_linear",
        "departure_time": "piecewise_linear",
        "c1": "sparse",
        "c2": "sparse",
        "c3": "sparse",
        "c4": "sparse",
    }


def test_codes_are_told_from_amounts_by_their_counts(run: Run) -> None:
    random = np.random.default_rng(0)
    rows = 20_000
    popular = random.dirichlet(random.lognormal(0, 1, 80))
    code = random.choice(80, rows, p=popular)
    with_gaps = np.sort(random.choice(9000, 80, replace=False))
    amounts = np.minimum(random.lognormal(4, 0.7, rows).astype(int), 400)
    values = proposed(
        run,
        c1=code,
        c2=with_gaps[code],
        c3=np.where(np.arange(rows) % 4, code, -1),  # a quarter is missing
        c4=np.where(np.arange(rows) % 4, 0, code),  # most cells are 0
        c5=code - 2,  # below -1
        c6=100 * code,
        x0=np.where(code % 3, 10 * (amounts // 10), amounts),  # most are round
        x1=random.poisson(40, rows),
        x3=np.where(code % 5, 10 * (amounts // 10) + 9, amounts),  # 49, 199
        x2=random.integers(0, 80, rows),  # by chance alone
    )
    are_codes = [name for name, kind in kinds(values).items() if kind == "sparse"]
    assert are_codes == ["ad", "c1", "c2", "c3", "c6"]
    assert "taken for ids; if they are amounts" in line_of("shop", "c1")


def test_list_of_numbers_shares_the_embeddings_of_ids_that_it_cannot_hold_by_chance(
    run: Run,
) -> None:
    random = np.random.default_rng(0)
    ids = random.choice(1_000_000, 300, replace=False)
    item = random.integers(0, 300, ROWS)
    seen = [random.integers(0, 300, 4) for _ in range(ROWS)]
    values = proposed(
        run,
        item_id=ids[item],
        city=item,
        items=["\t".join(map(str, ids[few])) for few in seen],
        liked=["|".join(map(str, ids[few])) + "|" for few in seen],
        cities=["|".join(map(str, few)) for few in seen],
        brand_id=item,
        seen_brand_ids=["|".join(map(str, few)) for few in seen],
    )
    features = values["features"]
    assert features["items"]["table"] == features["liked"]["table"] == "item_id"
    assert features["items"]["separator"] == "\t"
    assert features["cities"]["kind"] == "sequence"
    assert "table" not in features["cities"]
    assert features["seen_brand_ids"]["table"] == "brand_id"


def test_numbered_columns_share_the_embeddings_of_the_ids_that_they_hold(
    run: Run,
) -> None:
    random = np.random.default_rng(0)
    ids = random.choice(1_000_000, 300, replace=False)
    every = np.arange(ROWS)
    rarely = np.where(every % 9, 0, ids[random.integers(0, 300, ROWS)])
    values = proposed(
        run,
        item_id=ids[every % 300],
        hist_1=ids[random.integers(0, 300, ROWS)],
        hist_2=rarely,  # 0 where there is no second item
        other_2=random.choice(1_000_000, 300)[every % 300],
        price_2=ids[every % 300],
        liked=[f"{i}|{j}" for i, j in ids[random.integers(0, 300, (ROWS, 2))]],
        seller_id=every % 300,
        seller_id_2=random.integers(0, 300, ROWS),
        rank_of_2=random.integers(0, 300, ROWS),
    )
    features = values["features"]
    shared = {"kind": "sparse", "table": "item_id"}
    assert features["hist_1"] == features["hist_2"] == shared
    assert features["liked"]["table"] == "item_id"
    assert features["seller_id_2"] == {"kind": "sparse", "table": "seller_id"}
    for name in ("item_id", "other_2", "price_2", "rank_of_2"):
        assert "table" not in features[name]
    assert "the column holds values of item_id" in line_of("shop", "hist_1")


def test_spiked_amounts_get_embeddings_if_there_are_rows_to_train_them(
    run: Run,
) -> None:
    def kind_of_spiked(rows: int) -> dict[str, object]:
        every = np.arange(rows)
        values = proposed(run, paid=np.where(every % 4, every % 900, 0.0))
        return values["features"]["paid"]

    assert kind_of_spiked(20_000) == {
        "kind": "bucketized",
        "num_buckets": 32,
        "ramps": True,
    }
    assert kind_of_spiked(2_000) == {"kind": "piecewise_linear", "num_buckets": 16}


def test_small_whole_numbers_are_numbers_unless_they_are_written_as_codes(
    run: Run,
) -> None:
    every = np.arange(ROWS)
    values = proposed(
        run,
        level=every % 7,
        code=[f"{i % 7:02}" for i in every],
        store=every % 7,
        flag=every % 2,
    )
    found = {name: values["features"][name]["kind"] for name in values["features"]}
    assert found["level"] == "piecewise_linear"
    assert {found[name] for name in ("code", "store", "flag")} == {"sparse"}


def test_all_values_count_and_not_only_the_first(run: Run) -> None:
    code = [str(i % 90) for i in range(ROWS)]
    code[-1] = "B7"
    assert proposed(run, age=code)["features"].keys() == {"ad"}
    assert "are numbers, except 'B7' in 1 cell, first in row " in line_of("shop", "age")
    assert kinds(proposed(run, code=code))["code"] == "sparse"


def test_rare_ids_share_an_embedding_and_very_many_are_hashed(run: Run) -> None:
    often = np.repeat(np.arange(300), 400)
    seldom = np.arange(10**6, 10**6 + 3000)
    item = np.concatenate([often, seldom])
    user = np.arange(len(item)) // 2 % 60_000
    values = proposed(run, item_id=item, user_id=user)
    assert values["features"]["item_id"] == {"kind": "sparse", "min_count": 10}
    assert "keeps 300 values, which are 97.6% of the" in line_of("shop", "item_id")
    assert values["features"]["user_id"] == {"kind": "hashed", "num_buckets": 65536}
    assert values["group_column"] == "user_id"


def test_lists_in_text_are_sequences_and_sentences_are_not(run: Run) -> None:
    random = np.random.default_rng(0)
    words = np.array(["red", "blue", "green", "warm", "cold"])

    def lists(separator: str, values: Any) -> list[str]:
        sizes = random.integers(1, 6, ROWS)
        return [separator.join(random.choice(values, n).astype(str)) for n in sizes]

    values = proposed(
        run,
        semicolons=lists(";", words),
        commas=lists(", ", words),
        history=lists(" ", np.arange(1000, 1100)),
        city=np.array(["San Jose, CA", "Reno, NV", "Los Angeles, CA"])[
            random.integers(0, 3, ROWS)
        ],
        review=[
            f"I bought {i} of these and liked the {w} ones most"
            for i, w in enumerate(random.choice(words, ROWS))
        ],
        brackets=[f"[{i % 9}, {i % 7}]" for i in range(ROWS)],
    )
    features = values["features"]
    assert kinds(values) == {
        "ad": "sparse",
        "semicolons": "sequence",
        "commas": "sequence",
        "history": "sequence",
        "city": "sparse",
    }
    assert features["semicolons"]["separator"] == ";"
    assert features["commas"]["separator"] == ", "
    assert features["history"] == {
        "kind": "sequence",
        "max_length": 5,
        "separator": " ",
    }
    assert "free text" in line_of("shop", "review")
    assert "write lists in the form a|b|c" in line_of("shop", "brackets")


def test_longest_sequences_do_not_set_the_length(run: Run) -> None:
    sizes = [40 if i % 50 == 0 else 1 + i % 3 for i in range(ROWS)]
    values = [[(i + j) % 30 for j in range(n)] for i, n in enumerate(sizes)]
    table = pa.table(
        {
            "click": [i % 2 for i in range(ROWS)],
            "seen": values,
            "words": pa.array([["a", "b"][: i % 3] for i in range(ROWS)]),
            "vector": pa.array([[0.5, float(i)] for i in range(ROWS)]),
            "gaps": pa.array([[0.5, 1.0] if i % 5 else None for i in range(ROWS)]),
            "ragged": pa.array([[0.5] * (1 + i % 2) for i in range(ROWS)]),
            "holes": pa.array([[0.5, None if i % 9 else 1.0] for i in range(ROWS)]),
        }
    )
    pa.parquet.write_table(table, "shop.parquet")
    assert run("shop.parquet", "--task", "click")[0] == 0
    assert written("shop")["features"] == {
        "seen": {"kind": "sequence", "max_length": 3},
        "words": {"kind": "sequence", "max_length": 2},
        "vector": {"kind": "vector", "length": 2},
        "gaps": {"kind": "vector", "length": 2, "missing": "mean"},
    }
    assert "max_length keeps 98% of the lists whole" in line_of("shop", "seen")
    assert "max_length" not in line_of("shop", "words").partition("#")[2]
    assert "lists of numbers whose lengths differ" in line_of("shop", "ragged")
    assert "some vectors have empty numbers" in line_of("shop", "holes")


def test_vectors_that_are_written_as_text_are_proposed(run: Run) -> None:
    def texts(separator: str, length: int = 3) -> list[str]:
        random = np.random.default_rng(0)
        numbers = random.normal(size=(ROWS, length)).round(6)
        return [separator.join(map(str, row)) for row in numbers.tolist()]

    gaps = [x if i % 5 else "" for i, x in enumerate(texts(" "))]
    values = proposed(
        run,
        bars=texts("|"),
        commas=texts(", "),
        gaps=gaps,
        pairs=texts(",", 2),
        different=[x + "|1.5" * (i % 2) for i, x in enumerate(texts("|"))],
    )
    del values["features"]["ad"]
    vector = {"kind": "vector", "length": 3}
    assert values["features"] == {
        "bars": vector | {"separator": "|"},
        "commas": vector | {"separator": ", "},
        "gaps": vector | {"separator": " ", "missing": "mean"},
    }


def test_times_of_every_form_split_and_are_no_features(run: Run) -> None:
    start = datetime(2026, 1, 1)
    days = [start + timedelta(days=i // 7, minutes=i) for i in range(ROWS)]
    values = proposed(
        run,
        birth_date=[f"19{60 + i % 40}-01-01" for i in range(ROWS)],
        gaps=[d.isoformat() if i % 2 else "" for i, d in enumerate(days)],
        ts=[int(d.timestamp()) for d in days],
        time_ms=[int(d.timestamp() * 1000) for d in days],
        day=[d.strftime("%Y%m%d") for d in days],
        minute_ts=[d.strftime("%Y%m%d%H%M") for d in days],
        log_time=[d.strftime("%Y%m%d%H%M%S") for d in days],
        hour=[d.strftime("%y%m%d%H") for d in days],  # as in Avazu's logs of clicks
        written=[d.strftime("%d.%m.%Y") for d in days],
        iso=[d.strftime("%Y-%m-%dT%H:%M:%SZ") for d in days],
        postgresql=[d.strftime("%Y-%m-%d %H:%M:%S+00") for d in days],
        bigquery=[d.strftime("%Y-%m-%d %H:%M:%S UTC") for d in days],
        float_day=[float(d.strftime("%Y%m%d")) for d in days],
    )
    assert kinds(values) == {"ad": "sparse"}
    assert values["split_by"] == "time"
    assert values["split_column"] == "ts"  # births are no events, gaps has gaps
    assert "convert it to an age" in line_of("shop", "birth_date")
    assert "write all dates in the form 2024-12-31" in line_of("shop", "written")
    for column in ("ts", "time_ms", "day", "minute_ts", "log_time", "hour", "iso"):
        line = line_of("shop", column).replace("T", " ")
        assert "times 2026-01-01 00:00:00 to" in line
    assert "times 2026-01-01" in line_of("shop", "postgresql")

    # The comment of each column would make the hour or the weekday a feature.
    table = pd.read_csv("shop.csv")
    forms = ("ts", "time_ms", "day", "minute_ts", "log_time", "hour", "iso", "gaps")
    for column in (*forms, "postgresql", "bigquery", "float_day"):
        comment, _, _ = line_of("shop", column).removeprefix("# ").partition("  #")
        ((name, keys),) = yaml.safe_load(comment).items()
        assert keys["part"] == ("weekday" if "day" in column else "hour")
        feature = {name: Calendar.model_validate(keys)}
        cells = pa.array(table[column], from_pandas=True)
        _, encoded = fit_and_encode(feature, **{column: cells})
        times = [d.weekday() if "day" in column else d.hour for d in days]
        is_present = table[column].notna().to_numpy()
        expected = np.where(is_present, 1 + np.array(times), 0)
        np.testing.assert_array_equal(encoded["ids"][:, 0], expected)


def test_only_whole_words_of_a_name_suggest_times(run: Run) -> None:
    ids = [1_700_000_000 + i % 50 for i in range(ROWS)]
    others = ["candidate_id", "sentiment", "mandate", "validated", "lifetime_value"]
    values = proposed(run, **dict.fromkeys(others, ids))
    assert set(values["features"]) == {"ad", *others}
    for name in ("update", "eventTs", "birthdate_2", "timestamp"):
        columns = proposed(run, **{name: ids})["features"]
        assert name not in columns


def test_timestamps_of_parquet_are_times(run: Run) -> None:
    days = pd.date_range("2026-01-01", periods=ROWS, freq="h")
    frame = pd.DataFrame({"click": [0, 1] * (ROWS // 2), "ad": 1, "at": days})
    frame["ad"] = np.arange(ROWS) % 5
    frame.to_parquet("shop.parquet")
    assert run("shop.parquet", "--task", "click")[0] == 0
    assert written("shop")["split_column"] == "at"


def test_large_whole_label_is_written_exactly(run: Run) -> None:
    labels = [2**53 + 1 + 2 * (i % 3 == 0) for i in range(ROWS)]
    task = proposed(run, click=labels)["tasks"]["click"]
    assert task["positive"] == 2**53 + 3


def test_test_table_must_hold_needed_columns_once(run: Run) -> None:
    columns = {"click": [0, 1, 1] * 98, "buy": [0, 0, 1] * 98, "ad": [*range(7)] * 42}
    write_csv("shop.csv", **columns)
    command = ["shop.csv", "--task", "buy", "--space", "buy:click", "--force"]
    write_csv("test.csv", buy=columns["buy"], ad=columns["ad"])
    _, out, _ = run(*command, "--test", "test.csv")
    assert "refuses the data set as it is: dataset.tasks.buy.space: no column" in out
    Path("test.csv").write_text("buy,ad,buy,click\n1,2,1,1\n0,1,0,1\n", "utf-8")
    code, _, error = run(*command, "--test", "test.csv")
    assert code == 2
    assert "'test.csv' has no names of columns, or a name twice; rename" in error


def test_numbers_with_empty_cells_in_the_test_table_are_kept(run: Run) -> None:
    columns = {"click": [0, 1, 1] * 98, "ad": [*range(7)] * 42, "price": [*range(294)]}
    write_csv("shop.csv", **columns, size=columns["price"])
    write_csv("test.csv", **columns | {"price": [None, *range(293)]})
    code, out, _ = run("shop.csv", "--task", "click", "--test", "test.csv")
    assert code == 0
    price = written("shop")["features"]["price"]
    assert (price["kind"], price["missing"]) == ("piecewise_linear", "bucket")
    assert "the test table has empty cells" in line_of("shop", "price")
    assert "mtl-train refuses the feature" in line_of("shop", "size")
    assert "refuses the data set" not in out


@pytest.mark.parametrize("odd", ["train", "test"])
def test_labels_are_compared_as_numbers_and_as_text(odd: str, run: Run) -> None:
    columns = shop()
    labels = (np.arange(ROWS) % 2).astype(str).astype(object)
    with_word = labels.copy()
    with_word[:9] = "x"
    by_table = {"train": labels, "test": labels} | {odd: with_word}
    for table, values in by_table.items():
        write_csv(f"{table}.csv", **columns | {"click": values})
    code, _, err = run("train.csv", "--task", "click", "--test", "test.csv")
    assert code == (0 if odd == "train" else 2)
    assert ("holds 'x' in 9 rows" in err) == (odd == "test")


def test_quotes_in_the_name_of_a_column_are_seen(run: Run) -> None:
    write_csv("shop.csv", **{"'click'": [0, 1] * 99, "ad": [*range(9)] * 22})
    assert "possible columns of 'shop.csv': \"'click'\"" in run("shop.csv")[2]
    _, _, error = run("shop.csv", "--task", "click")
    assert "no column 'click' in the table, which has \"'click'\", ad; did" in error


def test_class_that_only_the_test_table_holds_is_told_as_mtl_train_tells_it(
    run: Run,
) -> None:
    columns = shop()
    write_csv(
        "train.csv",
        **columns | {"size": np.array(["S", "M", "L"])[np.arange(ROWS) % 3]},
    )
    write_csv("test.csv", **columns | {"size": ["S", "XL", *["M"] * (ROWS - 2)]})
    code, out, _ = run("train.csv", "--task", "size", "--test", "test.csv")
    assert code == 0
    assert "size: multiclass" in out
    assert "row 2 holds 'XL', which is not in `classes` (1 such row)" in out
    assert written("train")["tasks"]["size"]["classes"] == ["L", "M", "S"]


def test_delimiter_of_the_test_table_is_written(run: Run) -> None:
    frame = pd.DataFrame(shop()).drop(columns=["seen_at"], errors="ignore")
    frame.to_parquet("train.parquet")
    frame.to_csv("test.csv", sep=";", index=False)
    code, _, err = run("train.parquet", "--task", "click", "--test", "test.csv")
    assert (code, err) == (0, "")
    assert written("train")["csv"]["delimiter"] == ";"


def test_test_table_ends_the_split_by_time(run: Run) -> None:
    write_csv("train.csv", **shop())
    write_csv("test.csv", **shop())
    tasks = ["--task", "click", "--name", "shop"]
    assert run("train.csv", *tasks, "--test", "test.csv")[0] == 0
    values = written("shop")
    assert values["test"] == "test.csv"
    assert (values["valid_fraction"], values["test_fraction"]) == (0.1, 0.0)
    assert (values["split_by"], values["split_column"]) == ("random", None)


def test_columns_that_tell_the_label_are_left_out_or_warned_of(run: Run) -> None:
    random = np.random.default_rng(0)
    click = random.integers(0, 2, ROWS)
    seconds = np.where(click, random.exponential(30, ROWS).round(1) + 0.1, 0)
    spent = random.exponential(30, ROWS).round(3)
    mood = random.integers(0, 4, ROWS)
    values = proposed(
        run,
        "click",
        "spent",
        "mood",
        click=click,
        spent=spent,
        mood=np.array(["bad", "fair", "good", "great"])[mood],
        copied=click,
        kept=np.where(click, 1, 0.25),
        worded=np.where(click, "on", "off"),
        cents=spent * 100,
        mood_number=mood,
        mood_detail=mood * 10 + random.integers(0, 9, ROWS),
        seconds=seconds,
        landed=np.where(click, random.integers(0, 9, ROWS).astype(str), ""),
        noise=random.normal(size=ROWS),
        user_id=random.permutation(ROWS) // 3,
    )
    assert set(values["features"]) == {"ad", "mood_detail", "noise", "user_id"}
    for column in ("cents", "mood_number"):
        assert "mtl-train refuses the feature" in line_of("shop", column)
    for column in ("copied", "kept", "worded", "seconds", "landed"):
        line = line_of("shop", column)
        assert line.startswith(f"# {column}: {{kind: ")
        assert "WARNING: the column alone predicts click with AUC 1" in line
        assert "known before the prediction, remove the # before its line" in line
    assert "determines mood: each of its values occurs with one class" in line_of(
        "shop", "mood_detail"
    )
    assert "WARNING" not in line_of("shop", "user_id") + line_of("shop", "noise")


def test_warnings_are_told_on_the_terminal(run: Run) -> None:
    click = np.arange(ROWS) % 2
    write_csv("shop.csv", click=click, seconds=click * np.arange(ROWS) / 7)
    _, out, _ = run("shop.csv", "--task", "click")
    assert "seconds  piecewise_linear    WARNING: the column alone predicts" in out
    write_csv("shop.csv", click=click, x=click + np.arange(ROWS) / 7, sec=click * 1.5)
    _, out, _ = run("shop.csv", "--task", "click", "--force")
    assert "sec     leak                WARNING: the column alone predicts" in out


def test_column_that_follows_a_label_is_warned_of(run: Run) -> None:
    click = np.arange(ROWS) % 4 == 0
    order = click & (np.arange(ROWS) % 12 == 0)
    rare = np.arange(ROWS) == 8  # too rare to tell
    given = {"click": click * 1, "order": order * 1, "rare": rare * 1}
    given["mistaken"] = order | (np.arange(ROWS) == 5)  # 1 row of label 0
    given["dwell"] = np.where(order, np.arange(ROWS) % 50 + 1, 0)
    given["clicked_at"] = [f"page {i % 90}" if order[i] else "" for i in range(ROWS)]
    given["price"] = np.where(np.arange(ROWS) % 5, 0, np.arange(ROWS) % 50)
    write_csv("shop.csv", **given, even=np.arange(ROWS) % 2)
    assert run("shop.csv", "--task", "click")[0] == 0
    warning = "WARNING: the column is {} only where click is 1 (with few exceptions"
    assert warning.format("1") in line_of("shop", "order")
    assert warning.format("True") in line_of("shop", "mistaken")
    assert warning.format("not 0") in line_of("shop", "dwell")
    assert warning.format("filled") in line_of("shop", "clicked_at")
    for column in ("rare", "price", "even"):
        assert "WARNING" not in line_of("shop", column)


def test_column_that_limits_a_task_is_no_feature(run: Run) -> None:
    write_csv("shop.csv", **shop() | {"click": np.arange(ROWS) % 2})
    assert run("shop.csv", "--task", "sale=buy", "--space", "sale:click")[0] == 0
    values = written("shop")
    assert values["tasks"]["sale"]["space"] == "click"
    assert "click" not in values["features"]
    assert "the space of sale" in line_of("shop", "click")


def test_labels_outside_of_a_space_are_not_described(run: Run) -> None:
    every = np.arange(ROWS)
    table = shop() | {"click": every % 2, "buy": (every % 4 == 1) * 1}
    table["paid"] = np.where(every % 4 == 1, every + 1.5, 0)
    write_csv("shop.csv", **table)
    spaces = "--space", "buy:click", "paid:buy"
    code, out, _ = run("shop.csv", "--task", "click", "buy", "paid", *spaces)
    assert code == 0
    assert f"50.0% of {ROWS // 2:,} labels where click is 1 are 1" in out
    assert "numbers from 2.5 to" in out
    text = Path("conf/dataset/shop.yaml").read_text()
    assert f"{ROWS // 4:,} labels where buy is 1" in text
    assert "wlr or ziln" not in text


def test_chained_spaces_are_described_alike_in_any_order(run: Run) -> None:
    every = np.arange(ROWS)
    table = shop() | {"view": every % 2, "click": (every % 3 == 0) * 1}
    write_csv("shop.csv", **table | {"buy": (every % 6 == 0) * 1})
    texts = []
    for spaces in (["buy:click", "click:view"], ["click:view", "buy:click"]):
        tasks = ["--task", "view", "click", "buy"]
        code = run("shop.csv", *tasks, "--space", *spaces, "--force")[0]
        assert code == 0
        texts.append(Path("conf/dataset/shop.yaml").read_text())
    assert texts[0] == texts[1]
    num_labels = (every % 3 == 0).sum()
    assert f"of {num_labels:,} labels where click is 1 are 1" in texts[0]
    assert "WARNING: buy" not in texts[0]


def test_task_that_is_a_space_says_nothing_about_a_column_of_its_name(run: Run) -> None:
    every = np.arange(ROWS)
    table = shop() | {"clicked": every % 2, "click": every % 5}
    write_csv("shop.csv", **table)
    tasks = ["--task", "click=clicked", "buy", "--space", "buy:click"]
    assert run("shop.csv", *tasks)[0] == 0
    text = Path("conf/dataset/shop.yaml").read_text()
    assert "the space of" not in text


@pytest.mark.parametrize("classes", [1, 2])
def test_missing_classes_are_no_value_of_a_task_in_its_space(
    run: Run, classes: int
) -> None:
    every = np.arange(ROWS)
    grade = np.array(["low", "mid", "high"])[every % 3].astype(object)
    click = (every % 3 < classes).astype(int)
    grade[every % 6 == 0] = None
    write_csv("shop.csv", **shop() | {"click": click, "grade": grade})
    code, _, err = run("shop.csv", "--task", "grade", "--space", "grade:click")
    assert code == (2 if classes == 1 else 0)
    assert ("where click is 1, grade has one value or none" in err) == (classes == 1)


def test_ids_stored_as_decimals_are_the_whole_numbers_that_they_stand_for(
    run: Run,
) -> None:
    user = pd.Series(np.arange(ROWS) % 300, dtype="float64")
    user[3] = None
    click = np.random.default_rng(0).integers(0, 2, ROWS)
    frame = pd.DataFrame({"click": click, "ad": 1, "user_id": user})
    frame["ad"] = np.arange(ROWS) // 9 % 7
    frame["big_id"] = 2.0**53 + 2.0 * (frame["ad"] + 1)
    frame.to_parquet("shop.parquet")
    frame["brand"] = frame["user_id"] * 37  # no word for ids, but for things
    frame["item_price"] = frame["user_id"]
    frame.drop(columns="big_id").to_csv("text.csv", index=False)
    assert run("shop.parquet", "--task", "click")[0] == 0
    assert set(written("shop")["features"]) == {"ad", "user_id"}
    assert "whole numbers, 300 distinct" in line_of("shop", "user_id")
    assert "store the ids as whole numbers or as text" in line_of("shop", "big_id")
    assert run("text.csv", "--task", "click")[0] == 0
    assert "4.0 and 4 are two ids" in line_of("text", "user_id")
    assert "4.0 and 4 are two ids" in line_of("text", "brand")
    assert "piecewise_linear" in line_of("text", "item_price")


@pytest.mark.parametrize(("dtype", "bits"), [("float32", 24), ("float64", 53)])
def test_floats_that_training_refuses_as_ids_are_not_whole_numbers(
    dtype: str, bits: int
) -> None:
    for largest, kind in ((2**bits - 1, "whole"), (2**bits, "decimal")):
        cells = pa.chunked_array([np.array([0, largest], dtype)])
        assert profile_column("ad", cells).kind == kind


def test_decimals_without_fraction_are_whole_numbers() -> None:
    largest = 2**64 - 1
    cells = pa.chunked_array([pa.array([0, largest], pa.uint64())])
    column = profile_column("ad", cells.cast(pa.decimal128(20, 0)))
    assert (column.kind, column.values.to_pylist()) == ("whole", ["0", str(largest)])


def test_names_and_words_of_any_kind_survive_the_yaml(run: Run) -> None:
    names = ["yes", "a: b", "1", "größe", "1e3", "null", "#x", "a, b", "'", '"', "{x}"]
    names += [
        "- y",
        "*z",
        "a\\b",
        "~",
        "ends ",
        "two  spaces",
        "2026-01-01",
        "x" * 200,
        "two\nlines",
    ]
    columns = {
        name: [f"{'abcdefg'[(j + i * i) % 7]}" for j in range(ROWS)]
        for i, name in enumerate(names)
    }
    labels = ["1e3", "no", "5: x", "${"[:1], "true", "-", "007"]
    columns["label"] = [labels[i // 3 % 7] for i in range(ROWS)]
    pd.DataFrame(columns).to_csv("odd.csv", index=False)
    code, _, err = run("odd.csv", "--task", "label")
    assert (code, err) == (0, "")
    values = written("odd")
    assert values["tasks"]["label"]["classes"] == sorted(labels)
    assert set(values["features"]) == {name.strip() for name in names}


# How tables are read


@pytest.mark.parametrize(
    ("path", "delimiter", "form", "expected"),
    [
        ("shop.csv", ",", "auto", None),
        ("shop.tsv", "\t", "auto", None),
        ("shop.csv.gz", ",", "auto", None),
        ("shop.tsv.gz", "\t", "auto", None),
        ("shop.csv", ";", "auto", ";"),
        ("shop.txt", "|", "csv", "|"),
        ("shop.data", "\t", "csv", "\t"),
    ],
)
def test_text_is_read_whatever_separates_it(
    run: Run, path: str, delimiter: str, form: str, expected: str | None
) -> None:
    text = pd.DataFrame(shop()).to_csv(index=False, sep=delimiter).encode()
    Path(path).write_bytes(gzip.compress(text) if path.endswith("gz") else text)
    code, _, err = run(path, "--task", "click")
    assert (code, err) == (0, "")
    values = written("shop")
    assert values["train"] == path
    assert values["format"] == form
    assert values["csv"] == Csv(delimiter=expected).model_dump()
    assert set(values["features"]) == {
        "user_id",
        "item_id",
        "price",
        "tags",
        "country",
        "buy",
    }


def test_zst_feather_and_a_folder_of_parquet_say_the_same(run: Run) -> None:
    columns = shop()
    for name in ("user_id", "click"):
        columns[name] = pd.array(
            [int(x) if x else None for x in columns[name]], "Int64"
        )
    table = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
    pa.feather.write_feather(table, "fea.feather")
    Path("parts").mkdir()
    for i in range(2):
        part = table.slice(i * ROWS // 2, ROWS // 2)
        pa.parquet.write_table(part, f"parts/{i}.parquet")
    with pa.output_stream("zst.csv.zst") as stream:
        pa.csv.write_csv(table, stream)
    found = []
    for path in ("fea.feather", "parts", "parts/?.parquet", "zst.csv.zst"):
        code, _, err = run(path, "--task", "click", "--name", "told", "--force")
        assert (code, err) == (0, "")
        found.append(written("told"))
    assert all(values["features"] == found[0]["features"] for values in found)
    assert [values["train"] for values in found[1:3]] == ["parts", "parts/?.parquet"]
    assert found[0]["features"]["user_id"] == {"kind": "sparse", "min_count": 2}


def test_columns_without_a_header_are_numbered(run: Run) -> None:
    rows = "".join(f"{i % 2},{i % 7},{i / 10}\n" for i in range(ROWS))
    Path("shop.csv").write_text(rows)
    code, _, err = run("shop.csv", "--no-header", "--task", "click=column_1")
    assert (code, err) == (0, "")
    values = written("shop")
    assert values["csv"]["columns"] == ["column_1", "column_2", "column_3"]
    assert values["csv"]["trim"] is False
    assert kinds(values) == {
        "column_2": "piecewise_linear",
        "column_3": "piecewise_linear",
    }


def test_all_cells_of_a_very_long_first_line_are_counted(run: Run) -> None:
    Path("wide.csv").write_text((",".join(["größe123"] * 20_000) + "\n") * 2)
    code, _, err = run("wide.csv", "--columns", "a,b", "--task", "a")
    assert code == 2
    assert "gives 2 names, but the first line of 'wide.csv' has 20000 cells" in err


def test_first_line_that_is_cut_off_is_named(run: Run) -> None:
    name = "größe" * 100
    Path("wide.csv").write_text(",".join([name] * 7_000) + "\n1\n")
    code, _, err = run("wide.csv", "--task", "a")
    assert code == 2
    assert err == (
        "mtl-init: error: TABLE: wide.csv has a first line that is longer than 4 MiB; "
        "check the line ends, or shorten the names of the columns\n"
    )


def test_names_that_are_numbers_in_order_are_names(run: Run) -> None:
    frame = pd.DataFrame({str(i): np.arange(ROWS) // 3 % (i + 2) for i in range(5)})
    frame.to_csv("shop.csv", index=False)
    code, _, err = run("shop.csv")
    assert code == 2
    assert "possible columns of 'shop.csv': 0" in err
    frame["1"] = "text"  # the name of a column of text counts as well
    frame.to_csv("shop.csv", index=False)
    assert "possible columns of 'shop.csv': 0" in run("shop.csv")[2]


def test_class_that_first_occurs_below_the_preview_is_no_error_of_the_test_table(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_ROWS", 100)
    ones = {"price": np.arange(200) % 7, "size": ["S", "M"] * 50 + ["S", "L"] * 50}
    pd.DataFrame(ones).to_csv("train.csv", index=False)
    pd.DataFrame(ones).tail(50).to_csv("test.csv", index=False)
    code, _, err = run("train.csv", "--test", "test.csv", "--task", "size")
    assert (code, err) == (0, "")


def test_label_that_is_constant_in_the_first_rows_is_told_to_be_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_ROWS", 100)
    pd.DataFrame({"price": [*range(200)], "click": [0] * 150 + [1] * 50}).to_csv(
        "t.csv"
    )
    code, _, err = run("t.csv", "--task", "click")
    assert code == 2
    assert "nothing but '0'" in err
    assert "has read only 100 rows, the first: shuffle the rows" in err


def test_first_rows_stand_for_a_long_table(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_ROWS", 1500)
    write_csv("shop.csv", **shop())
    assert run("shop.csv", "--task", "click")[0] == 0
    assert "from 1,500 of the rows of" in Path("conf/dataset/shop.yaml").read_text()


def test_name_is_made_of_the_file_name(run: Run) -> None:
    write_csv("2026 sales (all).v2.csv", **shop())
    _, out, _ = run("2026 sales (all).v2.csv", "--task", "click")
    assert "mtl-train dataset=data_2026_sales_all model=mmoe" in out
    assert written("data_2026_sales_all")["train"] == "2026 sales (all).v2.csv"


def test_task_with_a_word_of_yaml_is_quoted(run: Run) -> None:
    write_csv("shop.csv", **shop())
    assert run("shop.csv", "--task", "on=click")[0] == 0
    assert list(written("shop")["tasks"]) == ["on"]


def test_name_with_letters_and_digits_is_no_value(run: Run) -> None:
    write_csv("e5.csv", **shop())
    assert run("e5.csv", "--task", "click", "--name", "e5")[0] == 0


@pytest.mark.parametrize("name", ["null", "True", "nan", "inf"])
def test_name_is_none_that_mtl_train_takes_for_a_value(name: str, run: Run) -> None:
    write_csv(f"{name}.csv", **shop())
    _, out, _ = run(f"{name}.csv", "--task", "click")
    assert f"mtl-train dataset=data_{name} model=mmoe" in out
    assert written(f"data_{name}")["train"] == f"{name}.csv"


def test_force_overwrites(run: Run) -> None:
    write_csv("shop.csv", **shop())
    assert run("shop.csv", "--task", "click")[0] == 0
    assert run("shop.csv", "--task", "buy", "--force")[0] == 0
    assert set(written("shop")["tasks"]) == {"buy"}


@pytest.mark.slow
def test_table_of_many_columns_fills_one_screen(run: Run) -> None:
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {f"c{i}": random.normal(size=ROWS) for i in range(70)}
    columns["click"] = random.integers(0, 2, ROWS)
    columns["leak"] = columns["click"] * 2 + 1
    write_csv("wide.csv", **columns)
    code, out, err = run("wide.csv", "--task", "click")
    assert (code, err) == (0, "")
    assert out.count("\n") < 60
    assert "task click: binary" in out
    assert out.splitlines()[2].startswith("leak ")  # what is odd comes first
    assert "... and 21 more columns; conf/dataset/wide.yaml has all columns" in out
    assert "c69: {kind: " in Path("conf/dataset/wide.yaml").read_text()


@pytest.mark.slow
def test_neither_tensorflow_nor_hydra_is_loaded(tmp_path: Path) -> None:
    table = tmp_path / "shop.csv"
    write_csv(str(table), **shop())
    script = (
        "import sys, mtl_cli.cli.init as m\n"
        f"assert m.main([{str(table)!r}, '--task', 'click']) == 0\n"
        "assert 'pyarrow' in sys.modules\n"
        "sys.exit(bool({'tensorflow', 'keras', 'hydra'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


# Refusals

MISTAKES = {
    "nowhere.csv --task click": "no file 'nowhere.csv'",
    "empty.csv --task click": "TABLE: cannot read empty.csv: Empty CSV file; check",
    "blank.csv --task click": "TABLE: cannot read blank.csv: Empty CSV file; check",
    "empty.txt --task click": "TABLE: cannot read empty.txt: Empty CSV file; check",
    "spaces.txt --task click": "'spaces.txt' has one column, '  '; expected cells",
    "header.csv --task click": "header.csv has a header but no rows",
    "shop.csv --task clik": "--task clik: no column 'clik' in the table, which has row",
    "shop.csv --task c=clik": "did you mean click?",
    "mojibake.csv --task a=ad€xx": r"did you mean 'ad\x80xx'?",
    "shop.csv --task source": "column 'source' holds nothing but 'web'; a label needs",
    "shop.csv --task ones": "nothing but '1'; a label needs two different values (if",
    "shop.csv --task void": "column 'void' holds no value; a label",
    "shop.csv --task seen_at": "holds times; a label is a number, a word or a boolean",
    "shop.csv --task word": "holds 90 different texts; a task has at most 30 classes",
    "shop.csv --task odd": "the cells are numbers, except 'n.a.' in 1 cell, "
    "first in row 6: clear",
    "shop.csv": "say what to predict; possible columns of 'shop.csv': clicked, click",
    "words.csv": "say what to predict; possible columns of 'words.csv': a, b",
    "shop.csv --task 7th=click": "the name '7th' should be a letter, then letters",
    "shop.csv --task mean=click": "the name 'mean' is reserved; write --task",
    "shop.csv --task auto=click": "the name 'auto' is reserved; write --task",
    "shop.csv --task click click": "--task: names click twice",
    "shop.csv --task group=click": "the name 'group' is reserved; write --task",
    "shop.csv --task a=click a_prediction=buy": "the name 'a_prediction' is reserved; "
    "write --task my_a_prediction=buy",
    "shop.csv --task b_row_weight=click b=buy": "the name 'b_row_weight' is reserved",
    "missing.csv --task click": "configs cannot hold '???': OmegaConf would read",
    "marks.csv --task m=${ad}": "configs cannot hold '${ad}': OmegaConf would read",
    f"shop.csv {'x' * 300} --task click": "unrecognized arguments: xxx",
    "shop.csv --task click --name old": "conf/dataset/old.yaml exists; choose another",
    "shop.csv --task clik --name old": "--task clik: no column 'clik' in the table",
    "shop.csv --task click --name a/b": "--name: 'a/b' should be letters, digits",
    "shop.csv --task click --name null": "--name: mtl-train would take 'null' for a "
    "value, not a name; write --name data_null",
    "shop.csv --task click --name 2_024.5e3": "take '2_024.5e3' for a value",
    "shop.csv --task click --space click": "--space: 'click' should be TASK:COLUMN",
    "shop.csv --task click=": "--task: 'click=' should be NAME or NAME=COLUMN",
    "shop.csv --space buy:click": "--space buy:click: no task 'buy'; the tasks are",
    "shop.csv --task click --space clik:buy": "no task 'clik'; the tasks are click",
    "shop.csv --task buy --space buy:clic": "--space buy:clic: no column 'clic' in the",
    "shop.csv --task buy --space buy:buy": "where buy is 1, buy has one value",
    "shop.csv --task buy --space buy:click buy:row": "buy has a space already",
    "shop.csv --task buy --space buy:price": "price does not hold 0 and 1, as a space",
    "shop.csv --task buy price --space buy:price": "price does not hold 0 and 1, as a",
    "shop.csv --task buy --space buy:unbought": "where unbought is 1, buy has one",
    "bare.csv --task click": "looks like values, not names (0, 2, 9); give the names "
    "with --columns a,b,c or take --no-header",
    "texts.csv --task click": "looks like values, not names (red, warm)",
    "bare.csv --columns a,b --task a": "--columns: gives 2 names, but the first line",
    "bare.csv --columns a,,c --task a": "--columns: 'a,,c' has an empty name, or",
    "bare.csv --columns a,b,b --task a": "--columns: 'a,b,b' has an empty name, or a",
    "part.parquet --no-header --task a": "'part.parquet' is not a text file",
    "latin.csv --task click": "TABLE: column 'ad': row 101 is not UTF-8; save the file "
    "as UTF-8; if it comes from Windows or is Latin-1: iconv -f cp1252 -t utf-8 FILE",
    "utf16.csv --task click": "utf16.csv is not text in UTF-8; save the file as",
    "log.jsonl --task click": "'log.jsonl' holds JSON; save its records as CSV or",
    "log.json --task click": "'log.json' holds JSON; save its records as CSV or",
    "table.zip --task click": "table.zip is an Excel workbook or a zip archive; save",
    "book.xlsx --task click": "book.xlsx is an Excel workbook or a zip archive; save",
    "book.xls --task click": "book.xls is an Excel workbook or a zip archive; save",
    "zipped.csv --task click": "zipped.csv is not text in UTF-8; save the file",
    "part.csv --task click": "part.csv is not text in UTF-8; save the file as",
    "name.csv --task click": "TABLE: name.csv is not text in UTF-8; save the file",
    "table.csv.zip --task click": "table.csv.zip is an Excel workbook or a zip",
    "spaced.csv --task click": "'spaced.csv' has one column, 'click::ad'; expected "
    "cells separated by commas, tabs, semicolons or bars",
    "nul.csv --task click": "nul.csv is not text in UTF-8; save the file",
    "quotes.csv --task click": "cannot describe this table in a YAML: a name is too lo",
    "long.csv --task click": "cannot read long.csv: header: field larger than",
    "open.csv --task click": "cannot read open.csv: row 101 has a quote that is "
    "never closed, so that the rows after it would be read as one cell; close the "
    "quote, or double it inside a quoted cell",
    "wide.csv --task click": "cannot read wide.csv: row 101 is too long; check whether "
    "a quote is never closed",
    "bomb.csv.gz --task click": "bomb.csv.gz has 48,",
    "latin.parquet --task click": "cannot read latin.parquet: column 'ad': In chunk "
    "0: Invalid: Invalid UTF8 sequence at string index 0; save the file as UTF-8",
    "ragged.csv --task click": "cannot read ragged.csv: row 101 is '1,2,3', which "
    "has 3 cells instead of 2; add or remove cells, quote the cells that hold the "
    "delimiter, or close an open quote",
    "short.csv --task click": "cannot read short.csv: row 1 is '1,2,3', which has 3 "
    "cells instead of 2; add or remove cells, quote the cells that hold the ",
    "uneven.csv --no-header --task a=column_1": "cannot read uneven.csv: row 101 is "
    "'1,2,3', which has 3 cells instead of 2; add or remove cells",
    "twice.csv --task click": "has no names of columns, or a name twice; rename the",
    "equal.csv --task click": "a name twice; rename the columns; if the first line of "
    "a text file holds values, give the names with --columns a,b,c or take --no-header",
    "nameless.csv --task click": "'nameless.csv' has no names of columns, or a name",
    "twice.parquet --task click": "has no names of columns, or a name twice; rename",
    "cut.parquet --task click": "cannot read cut.parquet: ",
    "cut.csv.gz --task click": "cannot read cut.csv.gz: ",
    "no*.parquet --task click": "no file matches 'no*.parquet'",
    "shop.csv dots.csv words.csv --task click": "unrecognized arguments: dots.csv wor",
    "folder --task click": "folder 'folder' holds no .parquet file; name the files",
    "differing --task click": "TABLE: no column 'click' in differing/b.parquet, which",
    "labels.csv --task click": "no column is left for a feature",
    "shop.csv --task click --test nowhere.csv": "no file 'nowhere.csv'",
    "dots.csv --task click --test dotted.csv": "--test: column 'click' of 'dotted.csv' "
    "holds 'yes.' in 50 rows, but 'dots.csv' holds no, yes; use the same",
    "shop.csv --label click": "unrecognized arguments: --label click; see mtl-init",
    "shop.csv --spce a --task click": "--spce a; did you mean --space?; see mtl-init",
    "--task click shop.csv": "arguments are required: TABLE; see mtl-init",
    "shop.csv --columns a --no-header --task a": "not allowed with argument --columns",
}


def zipped(text: str, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Returns an archive of a text; by default the text is stored as it is."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("table.csv", text)
    return stream.getvalue()


@pytest.fixture(scope="module")
def written_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables of `MISTAKES`."""
    folder = tmp_path_factory.mktemp("tables")
    every = np.arange(ROWS)
    columns = shop() | {"ones": ["1" if i % 3 else "" for i in every], "void": ""}
    columns |= {"word": [f"w{i % 90}" for i in every], "unbought": 1 - columns["buy"]}
    columns["odd"] = ["n.a." if i == 5 else str(i % 90) for i in every]
    write_csv(str(folder / "shop.csv"), **columns)
    click = [i % 2 for i in range(100)]
    table = pa.table({"click": click, "ad": [i // 2 % 7 for i in range(100)]})
    pa.parquet.write_table(table, folder / "part.parquet")
    latin = pa.array([b"caf\xe9"] * 100).view(pa.string())
    pa.parquet.write_table(table.set_column(1, "ad", latin), folder / "latin.parquet")
    cut = (folder / "part.parquet").read_bytes()[:-50]
    text = "click,ad\n" + "".join(f"{i % 2},{i % 7}\n" for i in range(100))
    words = [f"{'yes' if c else 'no'},{i // 2 % 7}" for i, c in enumerate(click)]
    files: dict[str, str | bytes] = {
        "empty.csv": "",
        "blank.csv": "\n\n",
        "empty.txt": "",
        "spaces.txt": "  \n  \n",
        "header.csv": "click,ad\n",
        "words.csv": "a,b\n" + "x,y\nu,v\nq,r\n" * 20,
        "bare.csv": "".join(f"{i % 2},{i % 7 + 2},{i + 9}\n" for i in range(100)),
        "equal.csv": "0,0,1\n1,2,3\n",
        "nameless.csv": ",\n1,2\n",
        "texts.csv": "red,warm\nblue,cold\ngreen,cold\nred,warm\n" * 20,
        "latin.csv": text.encode() + "1,caf\u00e9\n".encode("latin1"),
        "utf16.csv": text.encode("utf-16"),
        "log.jsonl": '\ufeff{"ad": 1, "click": 0}\n{"ad": 2, "click": 1}\n',
        "log.json": '[\n  {"ad": 1, "click": 0},\n  {"ad": 2, "click": 1}\n]',
        "table.zip": zipped(text),
        "table.csv.zip": zipped(text),
        "book.xlsx": zipped(text, zipfile.ZIP_DEFLATED),
        "book.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "zipped.csv": gzip.compress(text.encode()),
        "part.csv": (folder / "part.parquet").read_bytes(),
        "mojibake.csv": text.replace("ad", "ad\x80xx"),
        "name.csv": text.replace("ad", "caf\u00e9").encode("latin1"),
        "short.csv": "click,ad\n" + "1,2,3\n" * 100,
        "spaced.csv": text.replace(",", "::"),
        "nul.csv": "\0" * 1000,
        "quotes.csv": 'click,"' + '""' * 600 + '"\n1,2\n0,3\n',
        "long.csv": "click," + "ad" * 2**17 + "\n1,2\n",
        "open.csv": text + '1,"2\n' + "3,4\n" * 1000,
        "wide.csv": text + '1,"' + "3,4\n" * 2**23,
        "bomb.csv.gz": gzip.compress(text.encode() + b"\n" * 11_000_000, 1),
        "ragged.csv": text + "1,2,3\n",
        "uneven.csv": text.partition("\n")[2] + "1,2,3\n",
        "twice.csv": text.replace("click,ad", "click,ad,ad")
        .replace(",", ",1,")
        .replace("click,1,ad,1,ad", "click,ad,ad"),
        "cut.parquet": cut,
        "cut.csv.gz": gzip.compress(text.encode())[:-20],
        "labels.csv": "click,one\n" + "0,5\n1,5\n" * 50,
        "marks.csv": "click,${ad}\n" + "1,1\n0,0\n" * 50,
        "missing.csv": "click,ad\n" + "???,1\nyes,0\nyes,2\n" * 50,
        "dots.csv": "click,ad\n" + "\n".join(words),
        "dots.txt": "click,ad\n" + "\n".join(words),
        "dotted.csv": "click,ad\n" + "\n".join(words).replace("yes", "yes."),
        "conf/dataset/old.yaml": "",
    }
    for name in ("conf/dataset", "folder", "differing"):
        (folder / name).mkdir(parents=True)
    for path, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / path).write_bytes(data)
    pa.parquet.write_table(table, folder / "differing/a.parquet")
    pa.parquet.write_table(table.select(["ad"]), folder / "differing/b.parquet")
    twice = table.append_column("ad", table["ad"])
    pa.parquet.write_table(twice, folder / "twice.parquet")
    return folder


@pytest.fixture
def tables(written_tables: Path, tmp_path: Path) -> None:
    """Links the tables of `MISTAKES` into the folder of a test."""
    shutil.copytree(written_tables, tmp_path, dirs_exist_ok=True, copy_function=os.link)


def test_list_keeps_its_own_table_if_the_column_of_its_items_is_refused(
    run: Run,
) -> None:
    items = [f"item{i % 40}" for i in range(400)]
    columns = {"click": [i % 3 == 0 for i in range(400)], "age": range(400)}
    columns["history"] = [f"{item}|{items[i // 2]}" for i, item in enumerate(items)]
    write_csv("train.csv", **columns, item=items)
    write_csv("test.csv", **columns)
    assert run("train.csv", "--task", "click", "--test", "test.csv")[0] == 0
    features = written("train")["features"]
    assert "item" not in features
    assert "table" not in features["history"]


def test_data_set_has_the_name_of_the_link_not_of_the_file_behind(
    run: Run, tables: None
) -> None:
    Path("linked.csv").symlink_to("dots.csv")
    code, out, _ = run("linked.csv", "--task", "click")
    assert code == 0
    assert "wrote conf/dataset/linked.yaml" in out


@pytest.mark.parametrize("command", MISTAKES)
def test_mistake_is_told_in_one_line(run: Run, tables: None, command: str) -> None:
    before = set(Path("conf/dataset").iterdir())
    code, out, err = run(*command.split())
    assert (code, out) == (2, "")
    assert err.startswith("mtl-init: error: ")
    assert err.count("\n") == 1
    assert MISTAKES[command] in err
    assert set(Path("conf/dataset").iterdir()) == before


def test_conf_of_another_application_is_left_alone(run: Run) -> None:
    write_csv("shop.csv", **shop())
    Path("conf").mkdir()
    Path("conf/config.yaml").write_text("")
    code, _, err = run("shop.csv", "--task", "click")
    assert code == 2
    assert "./conf has a config.yaml, so mtl-train takes ./conf for the folder" in err
    assert not Path("conf/dataset").exists()


def test_full_disk_is_a_failure_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = atomic_write.sync

    def full(path: Path) -> None:
        if path.suffix == ".yaml":
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(path)

    write_csv("shop.csv", **shop())
    monkeypatch.setattr(atomic_write, "sync", full)
    assert run("shop.csv", "--task", "click") == (
        1,
        "",
        "mtl-init: error: cannot write conf/dataset/shop.yaml: No space left on "
        "device; mend that, or start in a folder that can be written\n",
    )
    assert list(Path("conf/dataset").iterdir()) == []


def test_distinct_numbers_of_many_vectors_are_counted_in_a_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(column_profile, "MAX_LIST_NUMBERS", 4)

    def summary(last: float | None) -> tuple[str, str, int]:
        cells = pa.chunked_array([pa.array([[1.0, 2.0], [2.0, 3.0], [4.0, last]])])
        column = profile_column("x", cells)
        elements = column.lists.elements
        return summarize(column), elements.kind, elements.num_missing

    text = "lists of 2, at least 3 distinct: 2, 1, 3"
    assert summary(5.0) == (text, "whole", 0)
    assert summary(0.5)[1:] == ("decimal", 0)
    assert summary(None)[1:] == ("whole", 1)


def test_many_rare_values_that_say_nothing_about_the_labels_are_left_out(
    run: Run,
) -> None:
    random = np.random.default_rng(0)
    rows, names = 2000, 600
    telling, silent = random.integers(0, names, (2, rows))
    label = (random.random(rows) < random.random(names)[telling]).astype(int)
    columns = {"town": [f"t{n}" for n in telling], "surname": [f"s{n}" for n in silent]}
    values = proposed(run, "buy", buy=label, user_id=silent, **columns)
    assert {"town", "user_id"} <= set(kinds(values))
    assert "surname" not in kinds(values)
    assert "# surname: {kind: sparse" in line_of("shop", "surname")
    number = random.permutation(rows) // 2  # the ids group the rows
    lists = [
        "|".join(pair)
        for pair in zip(columns["surname"], columns["surname"][::-1], strict=True)
    ]
    values = proposed(
        run, "buy", buy=label, customer_number=number, name_history=lists, **columns
    )
    assert values["group_column"] == "customer_number"
    assert {"customer_number", "surname"} <= set(kinds(values))
    assert values["features"]["name_history"]["table"] == "surname"


def test_the_only_column_for_a_feature_is_kept(run: Run) -> None:
    names = np.random.default_rng(1).integers(0, 600, 2000)
    surname = [f"s{n}" for n in names]
    values = proposed(run, surname=surname, ad=[7] * 2000)
    assert kinds(values) == {"surname": "sparse"}


def test_first_cell_of_a_file_without_header_may_hold_json(run: Run) -> None:
    rows = "".join(f'{{"x":{i}}}\t{i % 7}\t{i % 2}\n' for i in range(200))
    Path("shop.tsv").write_text(rows, encoding="utf-8")
    columns = "--columns", "request,ad,click"
    code, _, err = run("shop.tsv", *columns, "--task", "click")
    assert (code, err) == (0, "")
    assert "make one column per field" in line_of("shop", "request")
