"""Scores boosted trees on the bench of many tables: LightGBM and CatBoost.

    python peers/trees.py FOLDER GROUP PART 1,2,3

FOLDER holds the tables, see `rdatasets_tables.py`; GROUP is `general` or `ids`, and
PART is `tune` or `test`. Each task
has a model of its own, with the library's defaults but for a learning rate of .05, rows
and columns drawn at 80 % (LightGBM), and early stopping on the validation rows. Prints
one line of JSON: {table.task: {library: [scores of each seed]}}.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import log_loss, r2_score, roc_auc_score

Rows = dict[str, tuple[pd.DataFrame, npt.NDArray[np.float64]]]
Coded = Callable[[pd.DataFrame], pd.DataFrame]
TREES, PATIENCE, RATE = 2000, 50, 0.05
BUCKETS = 20  # of the expected calibration error


def main(folder: Path, group: str, part: str, seeds: list[int]) -> None:
    """Trains and scores all models."""
    tasks = json.loads((folder / "tasks.json").read_text())[group]
    fitted_on = "fit" if part == "tune" else "train"
    scores: dict[str, dict[str, list[dict[str, float]]]] = {}
    for table, names in tasks.items():
        parts = {
            role: pd.read_parquet(folder / table / f"{name}.parquet")
            for role, name in (("fit", fitted_on), ("valid", "valid"), ("score", part))
        }
        for task in names:
            rows: Rows = {}
            for role, all_rows in parts.items():
                labelled = all_rows[all_rows[task].notna()]
                features = labelled.drop(columns=names)
                rows[role] = features, labelled[task].to_numpy("float64")
            scores[f"{table}.{task}"] = {
                library.__name__: [library(rows, seed) for seed in seeds]
                for library in (light_gbm, cat_boost)
            }
            print(table, task, file=sys.stderr)
    print(json.dumps(scores))


def light_gbm(rows: Rows, seed: int) -> dict[str, float]:
    """Returns the scores of LightGBM."""
    fit, y = rows["fit"]
    levels = {name: fit[name].dropna().unique() for name in fit.select_dtypes("string")}

    def coded(features: pd.DataFrame) -> pd.DataFrame:
        columns = {}
        for name, values in levels.items():
            known = features[name].where(features[name].isin(values))
            columns[name] = known.astype(pd.CategoricalDtype(values))
        return features.assign(**columns)

    kind = lightgbm.LGBMClassifier if is_binary(y) else lightgbm.LGBMRegressor
    model = kind(
        n_estimators=TREES,
        learning_rate=RATE,
        random_state=seed,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.8,
        verbose=-1,
    )
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    return scored(model, coded, rows, callbacks=[stop])


def cat_boost(rows: Rows, seed: int) -> dict[str, float]:
    """Returns the scores of CatBoost."""
    fit, y = rows["fit"]
    text = list(fit.select_dtypes("string").columns)

    def coded(features: pd.DataFrame) -> pd.DataFrame:
        return features.assign(**{name: features[name].fillna("") for name in text})

    kind = catboost.CatBoostClassifier if is_binary(y) else catboost.CatBoostRegressor
    model = kind(
        iterations=TREES,
        learning_rate=RATE,
        random_seed=seed,
        early_stopping_rounds=PATIENCE,
        cat_features=text,
        verbose=0,
        allow_writing_files=False,
    )
    return scored(model, coded, rows)


def scored(model: Any, coded: Coded, rows: Rows, **options: Any) -> dict[str, float]:
    """Trains a model until the validation rows stop it; returns its scores.

    Args:
        model: the model.
        coded: returns features in the form that the model reads.
        rows: the rows.
        **options: further arguments of the training.
    """
    fit, y = rows["fit"]
    valid, y_valid = rows["valid"]
    if isinstance(model, lightgbm.LGBMModel):
        options |= {"eval_X": coded(valid), "eval_y": y_valid}
    else:
        options |= {"eval_set": [(coded(valid), y_valid)]}
    model.fit(coded(fit), y, **options)
    features, label = rows["score"]
    binary = is_binary(y)
    return score(label, predicted(model, coded(features), binary), binary)


def is_binary(label: npt.NDArray[np.float64]) -> bool:
    """Whether labels are 0 and 1."""
    return set(np.unique(label)) <= {0, 1}


def predicted(model: Any, features: pd.DataFrame, binary: bool) -> Any:
    """Returns probabilities of label 1, or values."""
    return model.predict_proba(features)[:, 1] if binary else model.predict(features)


def score(
    label: npt.NDArray[np.float64], p: npt.NDArray[np.float64], binary: bool
) -> dict[str, float]:
    """Returns AUC, log loss and calibration error, or R2."""
    if not binary:
        return {"r2": float(r2_score(label, p))}
    buckets = np.array_split(np.argsort(p, kind="stable"), BUCKETS)
    distances = [abs(label[rows].sum() - p[rows].sum()) for rows in buckets]
    return {
        "auc": float(roc_auc_score(label, p)),
        "log_loss": float(log_loss(label, p)),
        "ece": float(sum(distances) / len(p)),
    }


if __name__ == "__main__":
    folder, group, part, seeds = sys.argv[1:]
    main(Path(folder), group, part, [int(x) for x in seeds.split(",")])
