"""A saved model can be read again, however large its configuration is."""

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.planted_data import config, values

from mtl_cli.core.other_files import read_json
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.yaml_limits import MAX_YAML_VALUES
from mtl_cli.runs import saved_model


@pytest.mark.slow
def test_configuration_of_as_many_features_as_yaml_may_hold_is_read_again(
    tmp_path: Path,
) -> None:
    # A feature has four values in YAML: its name, its keys, `kind` and `sparse`.
    num_features = MAX_YAML_VALUES // 4
    features = {f"feature_{i:05}": {"kind": "sparse"} for i in range(num_features)}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    wide = config(values("rows.csv", features, tasks)).model_dump(mode="json")
    network: Any = SimpleNamespace(
        predictions=SimpleNamespace(save_weights=lambda file: None), label_statistics={}
    )
    learnt: Any = SimpleNamespace(learnt={})
    folder = RunFolder(tmp_path / "run")
    saved_model.save(folder, network, wide, learnt)
    folder.release()
    spec = tmp_path / "run" / saved_model.SPEC
    assert read_json(spec, saved_model.MAX_SPEC_BYTES) == wide


def test_old_default_of_a_key_of_another_option_is_read_again(tmp_path: Path) -> None:
    features = {"user": {"kind": "sparse"}}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    saved = config(values("rows.csv", features, tasks)).model_dump(mode="json")
    saved["model"]["gate_entropy"] = 1e-6  # only DSelect-k's gates have this key
    spec = tmp_path / "run" / saved_model.SPEC
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps(saved))
    assert saved_model.load_config(tmp_path / "run").model.name == "shared_bottom"


def test_deprecation_warning_of_keras_is_no_error(tmp_path: Path) -> None:
    def save_weights(file: object) -> None:
        warnings.warn("__array__ lacks copy", DeprecationWarning, stacklevel=1)

    network: Any = SimpleNamespace(
        predictions=SimpleNamespace(save_weights=save_weights), label_statistics={}
    )
    learnt: Any = SimpleNamespace(learnt={})
    folder = RunFolder(tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved_model.save(folder, network, {}, learnt)
    folder.release()
