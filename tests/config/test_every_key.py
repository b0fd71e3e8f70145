"""Every key of the configuration has a test that fails if the key is ignored.

The schema lists the keys. `CHANGES` changes a key in a small network, training or data
set, and the outcome must change with it. `TESTS` names tests of the other keys. A new
key that stands in neither fails a test of this file.
"""

import ast
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
from helpers import networks
from helpers.planted_data import fitted_features, outputs, planted
from helpers.slow import slow_except

from mtl_cli.config.groups import GROUPS
from mtl_cli.config.json_schema import Schema, group_schema, run_schema
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import MtlError
from mtl_cli.core.option_classes import option_class
from mtl_cli.core.option_keys import keys_of_options
from mtl_cli.core.options import Options
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.load import load
from mtl_cli.data.table import Table, as_arrays
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads
from mtl_cli.heads.independent import Independent
from mtl_cli.network.build import build
from mtl_cli.network.network import Network
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.towers.base import Towers
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.progress import Progress
from mtl_cli.training.steps import Steps
from mtl_cli.training.train import train

Outcome = dict[str, Any]

pytestmark = pytest.mark.usefixtures("eager")

TESTS_FOLDER = Path(__file__).parents[1]
ROWS = 96
SECTIONS = ("compare", "hydra", "start_from", "sweep")
# The tests of the keys that no small outcome shows.
TESTS: dict[str, list[str]] = {
    "seed": [
        "runs/test_keys_of_a_run.py::"
        "test_run_starts_tensorflow_with_its_seed_and_determinism",
        "training/test_training.py::test_orders_of_rows_depend_on_seed_and_epoch_alone",
        "training/test_training.py::"
        "test_another_seed_gives_another_start_and_another_end",
    ],
    "check_only": [
        "runs/test_keys_of_a_run.py::test_run_that_only_checks_trains_nothing"
    ],
    "resume": [
        "runs/test_resume.py::test_empty_folder_starts_whatever_resume_says_but_must",
        "runs/test_resume.py::test_never_refuses_a_folder_that_holds_a_run",
    ],
    "StartFrom.run": [
        "runs/test_start_from.py::"
        "test_same_rows_without_learning_predict_as_the_earlier_run_bit_by_bit",
        "runs/test_start_from.py::"
        "test_new_values_follow_and_old_values_keep_their_vectors",
    ],
    "StartFrom.freeze": [
        "network/test_transfer.py::test_frozen_part_has_no_weight_that_training_moves",
        "runs/test_start_from.py::test_frozen_part_stays_as_it_was_bit_by_bit",
    ],
    "StartFrom.reset": [
        "runs/test_start_from.py::"
        "test_reset_parts_start_as_in_a_run_without_an_earlier_one"
    ],
    "StartFrom.refit": [
        "runs/test_start_from.py::test_refit_lets_a_feature_learn_anew"
    ],
    "ensemble": [
        "network/test_ensemble.py::"
        "test_ensemble_of_a_configuration_has_one_network_per_seed",
        "runs/test_ensemble.py::test_ensemble_is_neither_trained_nor_started_from",
    ],
    "repeats": [
        "sweep/test_keys_of_a_sweep.py::test_repeats_and_twins_are_jobs_of_their_own"
    ],
    "CompareOptions.single_task": [
        "sweep/test_keys_of_a_sweep.py::test_repeats_and_twins_are_jobs_of_their_own"
    ],
    "CompareOptions.scenarios": [
        "sweep/test_keys_of_a_sweep.py::test_repeats_and_twins_are_jobs_of_their_own"
    ],
    "SweepOptions.*": [
        "sweep/test_keys_of_a_sweep.py::test_jobs_at_once_and_timeout_reach_each_job"
    ],
    "dataset.name": ["runs/test_keys_of_a_run.py::test_run_names_its_data_set"],
    "features.*.id_dropout": [
        "features/test_sparse.py::"
        "test_rates_of_dropped_ids_follow_from_the_counts_of_the_training_rows",
        "training/test_id_dropout.py::test_training_moves_vectors_of_the_ids_that_stay",
    ],
    "features.*.pretrained": [
        "network/test_pretrained.py::"
        "test_vectors_are_the_rows_of_their_values_and_others_are_random_or_frozen_zeros",
        "network/test_pretrained.py::test_vectors_start_a_sequences_own_table",
    ],
    "Pretrained.*": [
        "network/test_pretrained.py::"
        "test_vectors_are_the_rows_of_their_values_and_others_are_random_or_frozen_zeros",
        "network/test_pretrained.py::"
        "test_frozen_table_does_not_move_in_training_and_others_do",
    ],
    "model.*.order_penalty": [
        "heads/test_ordered.py::test_penalty_of_a_step_is_the_papers_calibrator"
    ],
    "model.*.counterfactual_weight": [
        "heads/test_escm2.py::"
        "test_risk_and_gradient_are_the_papers_with_pctr_clipped_and_constant",
        "heads/test_escm2.py::test_without_the_risk_the_heads_are_esmm_bit_by_bit",
    ],
    "model.*.pctr_clip": [
        "heads/test_escm2.py::"
        "test_step_adds_the_weighted_mean_risk_to_the_losses_of_esmm"
    ],
    "model.*.stitch_scale": [
        "models/test_cross_stitch.py::"
        "test_step_of_adam_moves_the_matrix_by_the_scale_times_the_learning_rate"
    ],
    "optimizer.rowwise_adagrad.lazy": [
        "optimizers/test_optimizers.py::"
        "test_adagrad_of_rows_refuses_to_update_whole_tables"
    ],
    "trainer.calibration": [
        "training/test_calibration.py::"
        "test_key_names_what_is_fitted_to_the_validation_rows"
    ],
    "trainer.compile": [
        "training/test_training.py::test_auto_compiles_runs_long_enough_to_pay_it_back",
        "training/test_training.py::test_steps_are_compiled_as_the_key_says",
    ],
    "trainer.ema_decay": [
        "training/test_training.py::"
        "test_run_keeps_the_moving_average_and_trains_on_without_it"
    ],
    "trainer.initial_bias": [
        "network/test_initial_bias.py::"
        "test_network_without_kernels_predicts_the_rates_of_the_labels",
        "runs/test_keys_of_a_run.py::test_run_sets_initial_biases_if_asked",
    ],
    "trainer.deterministic": [
        "runs/test_keys_of_a_run.py::"
        "test_run_starts_tensorflow_with_its_seed_and_determinism"
    ],
    "trainer.strategy": [
        "runs/test_keys_of_a_run.py::test_run_connects_the_processes_of_its_strategy"
    ],
    "trainer.profile": [
        "runs/test_keys_of_a_run.py::test_run_prints_the_seconds_of_its_stages_if_asked"
    ],
    "trainer.checkpoint_minutes": [
        "runs/test_keys_of_a_run.py::test_run_hands_checkpoint_minutes_to_the_training",
        "runs/test_keys_of_a_run.py::"
        "test_checkpoint_within_an_epoch_is_due_after_its_minutes",
    ],
    "tracker.mlflow.*": [
        "trackers/test_trackers.py::"
        "test_keys_name_the_address_and_the_experiment_of_mlflow"
    ],
    "tracker.wandb.*": [
        "trackers/test_trackers.py::"
        "test_wandb_gets_its_project_and_mode_and_resumes_the_same_run"
    ],
}


@dataclass(frozen=True)
class Change:
    """Another value of a key.

    Attributes:
        value: the other value.
        base: values of keys of the same section, before and after the change, where
            they are not the usual ones.
    """

    value: Any
    base: dict[str, Any] = field(default_factory=dict)


# Where a pattern names several options, the change is made in each of them.
CHANGES = {
    "tasks": Change(["buy", "click"]),
    "model.*.tower_units": Change([3]),
    "model.*.activation": Change("tanh", {"tower_units": [3]}),
    "model.*.dropout": Change(0.5, {"tower_units": [3]}),
    "model.*.batch_norm": Change(True, {"tower_units": [3]}),
    "model.*.l2": Change(0.1),
    "model.*.initializer": Change("he_normal"),
    "model.esmm.heads": Change("independent"),
    "model.*.heads": Change("esmm"),
    "model.*.click_task": Change("like", {"heads": "esmm"}),
    "model.*.conversion_task": Change("like", {"heads": "esmm"}),
    "model.*.funnel_steps": Change(["buy", "like"], {"heads": "funnel"}),
    "model.dbmtl.towers": Change("independent"),
    "model.pepnet.towers": Change("independent"),
    "model.home.groups": Change({"a": ["click"], "b": ["buy", "like"]}),
    "model.home.num_specific_experts": Change(1),
    "model.home.num_group_experts": Change(1),
    "model.home.feature_gate_ranks": Change([3]),
    "model.home.self_gates": Change(False),
    "model.poso.personal_features": Change(["item"]),
    "model.poso.personal_gate_units": Change([5]),
    "model.poso.scale": Change(1.0),
    "model.*.prior_features": Change(["item"], {"towers": "ppnet"}),
    "model.*.prior_gate_units": Change([5], {"towers": "ppnet"}),
    "encoder.*.domain_features": Change(["item"]),
    "encoder.*.domain_gate_units": Change([5], {"domain_features": ["item"]}),
    "model.*.feature_factors": Change(False, {"tower_units": [3]}),
    "model.*.members": Change(2),
    "model.*.towers": Change("residual_flow", {"tower_units": [3]}),
    "model.*.auxiliary_units": Change([5], {"towers": "star"}),
    "model.star.towers": Change("independent"),
    "model.*.star_units": Change(5),
    "model.*.parents": Change({"like": ["click"]}, {"towers": "dbmtl"}),
    "model.*.relation_units": Change([5], {"towers": "dbmtl"}),
    "model.*.bottom_units": Change([5]),
    "model.*.expert_units": Change([5]),
    "model.*.gate_units": Change([3]),
    "model.*.gate": Change("top_k"),
    "model.*.num_selected_experts": Change(3, {"gate": "top_k"}),
    "model.*.gate_noise": Change(False, {"gate": "top_k"}),
    "model.*.gate_gamma": Change(0.5, {"gate": "dselect_k"}),
    "model.*.gate_entropy": Change(0.1, {"gate": "dselect_k"}),
    "model.*.gate_static": Change(True, {"gate": "dselect_k", "gate_units": []}),
    "model.*.num_experts": Change(3),
    "model.stem.num_specific_experts": Change(2),
    "model.*.num_specific_experts": Change(0),
    "model.adatt.num_shared_experts": Change(0),
    "model.*.num_shared_experts": Change(1),
    "model.stem.num_levels": Change(2),
    "model.*.num_networks": Change(3),
    "model.*.network_units": Change([5]),
    "model.*.snr_connection": Change("aver"),
    "model.*.snr_l0": Change(0.1),
    "model.*.snr_noise": Change("row"),
    "model.*.snr_scale": Change(2.0),
    "model.*.stitch_start": Change(0.5),
    "model.*.num_levels": Change(1),
    "encoder.*.embedding_dim": Change(6),
    "encoder.*.embedding_stddev": Change(0.1),
    "encoder.*.l2_embedding": Change(0.1),
    "encoder.*.deep_units": Change([5]),
    "encoder.*.num_cross_layers": Change(1),
    "encoder.*.cin_units": Change([4]),
    "encoder.*.num_layers": Change(1),
    "encoder.*.num_heads": Change(1),
    "encoder.*.attention_dim": Change(2),
    "optimizer.*.learning_rate": Change(0.5),
    "optimizer.*.schedule": Change("linear"),
    "optimizer.*.warmup_steps": Change(2),
    "optimizer.*.clip_norm": Change(1e-3),
    "optimizer.*.lazy": Change(True),
    "optimizer.*.beta_1": Change(0.5),
    "optimizer.*.beta_2": Change(0.5),
    "optimizer.*.epsilon": Change(0.1),
    "optimizer.*.weight_decay": Change(0.9),
    "optimizer.*.initial_accumulator_value": Change(1.0),
    "optimizer.*.momentum": Change(0.5),
    "optimizer.*.nesterov": Change(True),
    "balancing.*.learning_rate": Change(0.5),
    "balancing.dwa.temperature": Change(0.1),
    "balancing.gradnorm.alpha": Change(0.0),
    "balancing.cagrad.radius": Change(0.9),
    "balancing.metabalance.target_task": Change("buy"),
    "balancing.metabalance.strategy": Change("enlarge"),
    "balancing.metabalance.relax": Change(0.1),
    "balancing.metabalance.beta": Change(0.1),
    "trainer.epochs": Change(3),
    "trainer.batch_size": Change(48),
    "trainer.patience": Change(1, {"epochs": 4}),
    "trainer.monitor": Change("click.log_loss"),
    "trainer.precision": Change("bfloat16"),
    "dataset.funnel.dependence": Change(-0.5),
    "dataset.funnel.*_rate": Change(0.4),
    "dataset.funnel.num_*": Change(30),
    "dataset.synthetic.correlation": Change(0.9),
    "dataset.synthetic.dimensions": Change(7),
    "dataset.synthetic.scale": Change(2.0),
    "dataset.synthetic.num_sines": Change(2),
    "dataset.synthetic.coefficients": Change("normal"),
    "dataset.synthetic.noise_variance": Change(9.0),
    "dataset.*.train_rows": Change(50),
    "dataset.*.test_rows": Change(50),
    "dataset.*.generator_seed": Change(5),
    "dataset.train": Change("other.csv"),
    "dataset.valid": Change("other.csv", {"valid_fraction": 0.0}),
    "dataset.test": Change("other.csv"),
    "dataset.format": Change("parquet"),
    "dataset.csv": Change({"trim": True}),
    "dataset.stream": Change(True),
    "dataset.valid_fraction": Change(0.5),
    "dataset.valid_from": Change("test", {"test": "other.csv"}),
    "dataset.test_fraction": Change(0.3),
    "dataset.split_by": Change("order"),
    "dataset.split_column": Change(
        "item", {"split_by": "group", "split_column": "user"}
    ),
    "dataset.split_seed": Change(1),
    "dataset.weight_column": Change("weight"),
    "dataset.group_column": Change("user"),
    "dataset.scenario": Change("item"),
    "dataset.only_scenario": Change("item1", {"scenario": "item"}),
    "dataset.features": Change({"item": {"kind": "sparse"}}),
    "dataset.tasks": Change({"buy": {"label": "buy", "kind": "binary"}}),
    "dataset.group": Change("one", {"groups": {"one": {"tasks": ["buy"]}}}),
    "dataset.groups": Change(
        {"one": {"tasks": ["like"]}},
        {"group": "one", "groups": {"one": {"tasks": ["buy"]}}},
    ),
    "Group.tasks": Change(["buy", "click"], {"tasks": ["click", "buy"]}),
    "Group.drop": Change(["item"], {"tasks": ["click"]}),
    "Csv.delimiter": Change(";"),
    "Csv.columns": Change(["a", "b"]),
    "Csv.trim": Change(True),
    "Csv.null_values": Change(["item1"]),
    "features.*.embedding_dim": Change(9),
    "features.*.min_count": Change(15),
    "features.*.num_buckets": Change(3),
    "features.*.missing": Change(5.0),
    "features.*.table": Change("other"),
    "features.bucketized.edges": Change([35.0], {"edges": [45.0], "num_buckets": None}),
    "features.bucketized.ramps": Change(True),
    "features.bucketized.missing": Change("bucket"),
    "features.calendar.column": Change("other_at"),
    "features.calendar.format": Change("s"),
    "features.calendar.part": Change("weekday"),
    "features.calendar.utc_offset": Change(5.5, {"format": "s"}),
    "features.cross.columns": Change(["user", "tags"]),
    "features.dense.transform": Change("minmax"),
    "features.sequence.max_length": Change(1),
    "features.sequence.pooling": Change("max"),
    "features.sequence.separator": Change("t"),
    "features.sequence.weights": Change("tag_weights"),
    "features.vector.length": Change(2),
    "features.vector.missing": Change("mean", {"length": 1}),  # one number in a cell
    "features.vector.separator": Change("t"),
    "features.vector.transform": Change("none"),
    "tasks.*.label": Change("like"),
    "tasks.*.weight": Change(3.0),
    "tasks.*.space": Change("like"),
    "tasks.*.tower_units": Change([3]),
    "tasks.binary.metrics": Change(["log_loss", "auc"]),
    "tasks.regression.metrics": Change(["mae"]),
    "tasks.multiclass.metrics": Change(["accuracy"]),
    "tasks.ordinal.metrics": Change(["rank_mae"]),
    "tasks.ziln.metrics": Change(["gini"]),
    "tasks.wlr.metrics": Change(["d2"]),
    "tasks.binary.positive": Change(0),
    "tasks.binary.loss": Change("focal"),
    "tasks.binary.focal_gamma": Change(1.0, {"loss": "focal"}),
    "tasks.binary.positive_weight": Change(3.0),
    "tasks.binary.sampling_rate": Change(0.5),
    "tasks.binary.truth": Change("weight"),
    "tasks.multiclass.classes": Change([1, 0]),
    "tasks.ordinal.classes": Change([1, 0]),
    "tasks.regression.loss": Change("mae"),
    "tasks.regression.transform": Change("none"),
}


def keys_of_schema() -> list[str]:
    """Returns every key that a YAML file may set, except those that name an option.

    A key is named by its section and the option that has it, as in
    `optimizer.adam.beta_1`, `features.dense.missing` and `Csv.delimiter`.
    """
    of_runs = run_schema()
    sections = {"": of_runs}
    for group in GROUPS:
        schema = group_schema(group)
        for branch in schema.get("anyOf", [schema]):
            sections[f"{group}.{option_of(branch)}"] = branch
        definitions = schema["$defs"]
        for axis, base in (("features", "Feature"), ("tasks", "Task")):
            for reference in definitions.get(base, {}).get("oneOf", []):
                kind = definitions.pop(reference["$ref"].rpartition("/")[2])
                sections[f"{axis}.{option_of(kind)}"] = kind
        sections |= definitions
    for name in ("CompareOptions", "StartFrom", "SweepOptions"):
        sections[name] = of_runs["$defs"][name]
    own_keys = set(sections["dataset."]["properties"])
    found = set()
    for section, schema in sections.items():
        for key, value in schema.get("properties", {}).items():
            is_group = not section and key in (*GROUPS, *SECTIONS)
            is_inherited = section.startswith("dataset.") and key in own_keys
            is_inherited &= section != "dataset."
            if is_group or is_inherited or key == "defaults" or "const" in value:
                continue
            found.add(".".join(filter(None, (section.strip("."), key))))
    return sorted(found)


def option_of(schema: Schema) -> str:
    """Returns the option that a schema describes; "" for a group without options."""
    for selector in ("name", "kind", "generator"):
        name = schema["properties"].get(selector, {}).get("const")
        if name:
            return str(name)
    return ""


def change_of(key: str) -> Change | None:
    """Returns the change of a key; None if the key has a test of its own.

    The entry of the key itself comes before the patterns that match it.
    """
    matching = (pattern for pattern in CHANGES if fnmatchcase(key, pattern))
    pattern = key if key in CHANGES else next(matching, None)
    return None if pattern is None or key in TESTS else CHANGES[pattern]


def is_handed_on(key: str) -> bool:
    """Returns whether models hand a key on to their heads, gates or towers."""
    axes: list[tuple[str, type[Options]]] = [
        ("heads", Heads),
        ("gates", Gate),
        ("towers", Towers),
    ]
    name = key.rpartition(".")[2]
    return key.startswith("model.") and any(
        name in keys_of_options(axis, base) for axis, base in axes
    )


def stands_for_others(key: str) -> bool:
    """Returns whether a key is changed here, and not on another model only.

    The keys of heads, gates and towers are keys of every model. That models hand them
    on is seen on one model.
    """
    return key.startswith("model.mmoe.") or not is_handed_on(key)


KEYS = keys_of_schema()
CHANGED_KEYS = [key for key in KEYS if change_of(key) and stands_for_others(key)]
# The options that the default suite prefers: those that others inherit keys from, or
# quick ones.
FIRST_OPTIONS = {
    "model": "mmoe",
    "encoder": "deepfm",
    "balancing": "gradnorm",
    "optimizer": "adam",
    "features": "sparse",
    "tasks": "binary",
}


def quick_keys() -> list[str]:
    """Returns the keys that the default suite changes: those that take no seconds.

    A key that several options have is changed in one option. Of the keys of heads,
    gates and towers, those that choose them are changed.
    """

    def is_preferred(key: str) -> bool:
        section, _, rest = key.partition(".")
        return rest.partition(".")[0] == FIRST_OPTIONS.get(section)

    def is_quick(key: str) -> bool:
        section, _, rest = key.partition(".")
        option, _, name = rest.partition(".")
        if section == "model":
            chooses = name in ("gate", "heads", "towers")
            return is_preferred(key) and (chooses or not is_handed_on(key))
        if section == "optimizer":  # the others are tested in `tests/optimizers`
            return name in ("lazy", "learning_rate", "schedule")
        if section == "tasks":  # the others are tested in `tests/tasks`
            return not option or is_preferred(key)
        # A step of most balancing methods takes a second to trace or to solve.
        return section != "balancing" and option != "autoint"

    quick: dict[tuple[str, str], str] = {}
    for key in sorted(CHANGED_KEYS, key=is_preferred, reverse=True):
        section, _, rest = key.partition(".")
        quick.setdefault((section, rest.rpartition(".")[2]), key)
    return [key for key in quick.values() if is_quick(key)]


def test_every_key_has_a_test() -> None:
    untested = [
        key
        for key in KEYS
        if change_of(key) is None and not any(fnmatchcase(key, p) for p in TESTS)
    ]
    assert not untested


@pytest.mark.parametrize("pattern", [*CHANGES, *TESTS])
def test_every_entry_is_of_a_key(pattern: str) -> None:
    assert any(fnmatchcase(key, pattern) for key in KEYS)


@pytest.mark.parametrize("name", sorted({n for names in TESTS.values() for n in names}))
def test_every_test_that_is_named_exists(name: str) -> None:
    file, _, function = name.partition("::")
    tree = ast.parse((TESTS_FOLDER / file).read_text("utf-8"))
    assert function.startswith("test_")
    assert function in {x.name for x in tree.body if isinstance(x, ast.FunctionDef)}


# Small networks, trainings and data sets


def table_of(seed: int) -> pa.Table:
    """Rows with a column for each kind of feature and task."""
    random = np.random.default_rng(seed)
    rows = planted(ROWS, seed).to_pandas()
    rows.loc[::7, "item"] += " "
    rows["like"] = random.integers(0, 2, ROWS)
    rows["weight"] = random.random(ROWS).round(3)
    rows["gaps"] = rows["age"].where(random.random(ROWS) < 0.8)
    rows["other"] = random.integers(0, 30, ROWS)
    rows["tags"] = [f"t{i % 3}|t{i % 5}|t{i % 2}" for i in range(ROWS)]
    rows["tag_weights"] = [f"{1 + i % 2}|{i % 3}|1" for i in range(ROWS)]
    rows["at"] = [2026010100 + 100 * (i % 28) + i % 24 for i in range(ROWS)]
    rows["other_at"] = rows["at"].to_numpy()[::-1]
    return pa.Table.from_pandas(rows, preserve_index=False)


TABLE = table_of(0)
FEATURES = {
    "user": {"kind": "sparse"},
    "item": {"kind": "sparse"},
    "price": {"kind": "dense", "transform": "standard"},
}
TASKS = {name: {"label": name, "kind": "binary"} for name in ("click", "buy", "like")}
DATASET: dict[str, Any] = {
    "name": "planted",
    "train": "rows.csv",
    "valid": None,
    "test": None,
    "valid_fraction": 0.25,
    "split_seed": 0,
    "features": FEATURES,
    "tasks": TASKS,
}
# A feature of each kind: its column, which is its name, and its keys.
KINDS_OF_FEATURES: dict[str, tuple[str, dict[str, Any]]] = {
    "bucketized": ("age", {"num_buckets": 4}),
    "calendar": ("at", {"part": "hour", "format": "yyyymmddhh"}),
    "cross": ("pair", {"columns": ["user", "item"]}),
    "dense": ("age", {"transform": "standard"}),
    "hashed": ("user", {"num_buckets": 9}),
    "piecewise_linear": ("age", {"num_buckets": 4}),
    "sequence": ("tags", {"max_length": 2, "separator": "|"}),
    "sparse": ("user", {}),
    "vector": ("tag_weights", {"length": 3, "separator": "|"}),
}
KINDS_OF_TASKS = {
    "binary": {"label": "buy"},
    "multiclass": {"label": "buy", "classes": [0, 1]},
    "ordinal": {"label": "buy", "classes": [0, 1]},
    "regression": {"label": "age"},
    "wlr": {"label": "age"},
    "ziln": {"label": "age"},
}
GENERATED = {"train_rows": 60, "test_rows": 30}
GENERATED_SIZES = {
    "funnel": GENERATED | {"num_users": 40, "num_items": 20},
    "synthetic": GENERATED | {"dimensions": 5, "num_sines": 3},
}
SMALL = (
    "encoder.embedding_dim=4",
    "model.tower_units=[]",
    "trainer.epochs=2",
    "trainer.batch_size=32",
    "trainer.patience=null",
    "trainer.compile=false",
)


@pytest.fixture(scope="module", autouse=True)
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folder of the text files that data sets name."""
    folder = tmp_path_factory.mktemp("files")
    for name, seed in (("rows.csv", 0), ("other.csv", 1)):
        table_of(seed).to_pandas().to_csv(folder / name, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def config_of(section: str, option: str, values: dict[str, Any]) -> Config:
    """Returns a small configuration with some keys of one section changed."""
    chosen = {"model": "esmm", "optimizer": "sgd", "encoder": "embedding"}
    chosen |= {section: option} if section in (*chosen, "balancing") else {}
    if section == "balancing":
        chosen["model"] = "shared_bottom"  # its kernels are shared
    groups = [f"{group}={name}" for group, name in chosen.items()]
    settings = [] if section == "model" else ["model.heads=independent"]
    if section == "trainer":
        settings.append("optimizer.learning_rate=1e-30")
    composed = networks.config(*groups, *settings, *SMALL).model_dump()
    scenario = {"scenario": "item"} if section == "model" else {}
    composed |= {"dataset": DATASET | scenario}
    if section in ("balancing", "model", "optimizer", "encoder", "trainer"):
        composed[section] = composed[section] | values
    else:
        composed |= values
    return Config.model_validate(composed)


def built(config: Config, table: Table | None = None) -> tuple[Network, Table]:
    """Returns a network with the draws of one seed, and encoded rows."""
    feature_set = fitted_features(config.dataset.features, TABLE)
    tasks = config.chosen_tasks
    labels = {n: t.read_labels(n, TABLE[t.label]) for n, t in tasks.items()}
    weights = {n: np.ones(ROWS, "float32") for n in labels}
    keras.utils.set_random_seed(0)
    network = build(config, feature_set.layout)
    return network, Table(feature_set.encode(TABLE), labels, weights)


def network_outcome(config: Config) -> Outcome:
    """Returns a network's weights, its logits in training, and its penalty."""
    network, table = built(config)
    logits = network.logits(table.features, training=True)
    return {
        "weights": [w.numpy() for w in network.logits.weights],
        "outputs": list(logits),
        "logits": [y.numpy() for y in logits.values()],
        "penalty": sum(float(np.sum(x)) for x in network.logits.losses),
    }


def steps_outcome(
    config: Config, network: Network | None = None, table: Table | None = None
) -> Outcome:
    """Returns what three steps make of a network, and the number of lazy tables."""
    if network is None or table is None:
        network, table = built(config)
    steps = Steps(config, network, table.num_rows)
    feed = MemoryFeed(table, list(config.chosen_tasks))
    losses = list(
        steps.epoch([feed.buffer(np.arange(table.num_rows), steps.batch_size)])
    )
    steps.copy_tables_to_network()
    return {
        "losses": np.concatenate(losses),
        "weights": [w.numpy() for w in network.logits.weights],
        "lazy tables": len(steps.tables),
    }


def balancing_outcome(config: Config) -> Outcome:
    """Returns the weights of the tasks in each step of four epochs."""
    network, table = built(config)
    steps = Steps(config, network, table.num_rows)
    feed = MemoryFeed(table, list(config.chosen_tasks))
    buffer = feed.buffer(np.arange(table.num_rows), steps.batch_size)
    values = [x for number in range(1, 5) for x in steps.epoch([buffer], number)]
    return {"weights": np.concatenate(values)[:, 2]}


def training_outcome(config: Config) -> Outcome:
    """Returns the epochs of a training whose weights stay as they are."""
    network, table = built(config)
    history = train(config, network, table, table, Progress())
    return {
        "monitored": [epoch.monitored for epoch in history.epochs],
        "losses": [list(epoch.losses.values()) for epoch in history.epochs],
    }


def data_outcome(values: dict[str, Any]) -> Outcome:
    """Returns all that a data set makes of its files, or why it refuses them."""
    try:
        dataset = Dataset.model_validate(DATASET | values)
        data = load(dataset, Independent().outputs(dataset.group_tasks))
    except (MtlError, ValueError) as error:
        return {"error": str(error)}
    arrays = {
        f"{split}.{name}": x
        for split, table in data.splits.items()
        for name, x in as_arrays(table.read(0, table.num_rows)).items()
    }
    return {
        **arrays,
        **data.row_numbers,
        "learnt": json.dumps(data.features.learnt),
        "layout": repr(data.features.layout),
        "streamed": data.is_streamed,
        "scenarios": repr(data.scenarios),
    }


def task_outcome(task: dict[str, Any]) -> Outcome:
    """Returns what a task makes of its labels, of three steps, and of predictions."""
    values = DATASET | {"tasks": {"buy": task}}
    dataset = Dataset.model_validate(values)
    data = load(dataset, outputs(dataset))
    config = config_of("", "", {"dataset": values})
    keras.utils.set_random_seed(0)
    network = build(config, data.features.layout, data.label_statistics)
    rows = data.splits["train"]
    table = rows.read(0, rows.num_rows)
    scores = score_outputs(config.outputs, table, network.predict(table))
    steps = steps_outcome(config, network, table)
    return data_outcome(values) | steps | {"metrics": list(scores["buy"])}


def generator_outcome(option: str, values: dict[str, Any]) -> Outcome:
    """Returns the rows that a generator draws."""
    yaml = {"funnel": "funnel", "synthetic": "synthetic_mmoe"}[option]
    usual = networks.config(f"dataset={yaml}").dataset.model_dump()
    if option == "synthetic":
        del usual["features"]  # they follow from `dimensions`
    generator = option_class("generators", option, Dataset)
    dataset = generator.model_validate(usual | GENERATED_SIZES[option] | values)
    return {
        f"{file}.{name}": table[name].to_numpy()
        for file, table in dataset.generate().items()
        for name in table.column_names
    }


def feature_outcome(option: str, key: str, values: dict[str, Any]) -> Outcome:
    """Returns what a feature of a kind makes of its column."""
    column, usual = KINDS_OF_FEATURES[option]
    column = "gaps" if key == "missing" else column
    other: dict[str, Any] = {"kind": "sparse"}
    if option == "hashed":
        other = {"kind": "hashed", "num_buckets": 9}
    feature = {"kind": option} | usual | values
    return data_outcome({"features": {column: feature, "other": other}})


@functools.cache
def outcome(section: str, option: str, key: str, text: str) -> Outcome:
    """Returns the outcome of some values of a section, which are given as JSON."""
    values = json.loads(text)
    if section == "features":
        return feature_outcome(option, key, values)
    if section == "tasks" and option:
        return task_outcome({"kind": option} | KINDS_OF_TASKS[option] | values)
    if section == "dataset" and option:
        return generator_outcome(option, values)
    if section in ("dataset", "Csv", "Group"):
        nested = {"Csv": {"csv": values}, "Group": group_of_tasks(values)}
        return data_outcome(nested.get(section, values))
    config = config_of(section, option, values)
    if section == "optimizer":
        return steps_outcome(config)
    if section == "balancing":
        return balancing_outcome(config)
    return training_outcome(config) if section == "trainer" else network_outcome(config)


def group_of_tasks(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the keys of a data set whose chosen group has some values."""
    return {"group": "one", "groups": {"one": values}}


def outcome_of(key: str, values: dict[str, Any]) -> Outcome:
    """Returns the outcome of a key's section with some values."""
    *sections, name = key.split(".")
    section, option = [*sections, "", ""][:2]
    asked = name if section == "features" else ""  # other sections have one base
    return outcome(section, option, asked, json.dumps(values))


def is_same(a: Outcome, b: Outcome) -> bool:
    """Returns whether two outcomes are equal to the last bit."""
    return list(a) == list(b) and all(equal(a[name], b[name]) for name in a)


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        return bool(np.array_equal(a, b, equal_nan=True))
    return bool(np.array_equal(a, b))


@pytest.mark.parametrize("key", slow_except(quick_keys(), CHANGED_KEYS))
def test_key_changes_the_outcome(key: str) -> None:
    change = change_of(key)
    assert change is not None
    name = key.rpartition(".")[2]
    usual = outcome_of(key, change.base)
    changed = outcome_of(key, change.base | {name: change.value})
    assert not is_same(usual, changed)
    assert not {"error"} & usual.keys() & changed.keys()


@pytest.mark.parametrize(
    "key",
    [
        "model.mmoe.l2",
        "optimizer.adam.lazy",
        "trainer.epochs",
        "dataset.train",
        "dataset.funnel.dependence",
        "features.sparse.min_count",
        "tasks.binary.weight",
    ],
)
def test_outcome_without_a_change_is_the_same(key: str) -> None:
    first = outcome_of(key, {})
    outcome.cache_clear()
    assert is_same(first, outcome_of(key, {}))
