"""The JSON schemas for editors are complete, current, and neither lax nor strict."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from omegaconf import OmegaConf

from mtl_cli.config.groups import GROUPS
from mtl_cli.config.json_schema import SCHEMA_FOLDER, write_schemas
from mtl_cli.core.paths import conf_folder

CONF = conf_folder()
FILES = sorted(path.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml"))


def validator_of(file: str) -> Draft202012Validator:
    """Returns the validator for the folder of a config file."""
    group = file.partition("/")[0]
    name = "experiment" if group in ("config.yaml", "experiment", "sweep") else group
    return Draft202012Validator(schema(name))


@functools.cache
def schema(name: str) -> Any:
    return json.loads((SCHEMA_FOLDER / f"{name}.json").read_text("utf-8"))


def errors(file: str, values: Any) -> list[str]:
    return [e.message for e in validator_of(file).iter_errors(values)]


def values_of(file: str) -> Any:
    return OmegaConf.to_container(OmegaConf.load(CONF / file))


def test_schemas_are_current(tmp_path: Path) -> None:
    written = {path.name: path.read_text("utf-8") for path in write_schemas(tmp_path)}
    committed = {p.name: p.read_text("utf-8") for p in SCHEMA_FOLDER.glob("*.json")}
    assert written == committed, "run `make schemas`"


def test_defaults_are_those_of_a_run_that_sets_nothing() -> None:
    defaults = {k: v.get("default") for k, v in schema("trainer")["properties"].items()}
    assert defaults.items() >= values_of("trainer/default.yaml").items()
    shared = values_of("config.yaml")["optimizer"]
    for branch in schema("optimizer")["anyOf"]:
        keys = branch["properties"]
        expected = shared | values_of(f"optimizer/{keys['name']['const']}.yaml")
        for key in expected.keys() - {"name"}:
            assert keys[key]["default"] == expected[key], key


@pytest.mark.parametrize("name", [p.stem for p in SCHEMA_FOLDER.glob("*.json")])
def test_each_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("file", FILES)
def test_each_bundled_config_fits_its_schema(file: str) -> None:
    assert errors(file, values_of(file)) == []


@pytest.mark.parametrize("file", [f for f in FILES if "/" in f])
def test_schema_refuses_an_unknown_key(file: str) -> None:
    assert errors(file, values_of(file) | {"unknown_key": 1})


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("model/mmoe.yaml", {"num_experts": 0}),
        ("model/mmoe.yaml", {"name": "mmoee"}),
        ("model/mmoe.yaml", {"num_levels": 2}),
        ("model/ple.yaml", {"activation": "reluu"}),
        ("encoder/dcn.yaml", {"num_cross_layers": "many"}),
        ("optimizer/adam.yaml", {"beta_1": 1.0}),
        ("trainer/default.yaml", {"epochs": 1.5}),
        ("dataset/adult.yaml", {"split_by": "chance"}),
        ("dataset/adult.yaml", {"features": {"age": {"kind": "sparce"}}}),
        ("dataset/adult.yaml", {"features": {"age": {"kind": "sparse", "min": 1}}}),
        ("dataset/adult.yaml", {"tasks": {"income": {"kind": "binary"}}}),
        ("sweep/grid_small.yaml", {"model": {"num_experts": "eight"}}),
    ],
)
def test_schema_refuses_a_wrong_value(file: str, changes: dict[str, Any]) -> None:
    assert errors(file, values_of(file) | changes)


@pytest.mark.parametrize("file", ["model/mmoe.yaml", "dataset/adult.yaml"])
def test_schema_requires_what_no_other_file_supplies(file: str) -> None:
    missing = {"model": "num_experts", "dataset": "tasks"}[file.partition("/")[0]]
    values = values_of(file)
    del values[missing]
    assert errors(file, values)
    assert errors(file, values | {"defaults": ["another"]}) == []


def test_schema_takes_an_interpolation_for_a_number() -> None:
    values = values_of("model/mmoe.yaml") | {"num_experts": "${oc.decode:8}"}
    assert errors("model/mmoe.yaml", values) == []


def test_every_key_of_every_schema_is_explained() -> None:
    own = {"name", "kind", "generator", "defaults", "hydra"}
    silent: set[str] = set()

    def visit(part: Any, where: str) -> None:
        if isinstance(part, dict):
            for key, value in part.get("properties", {}).items():
                if key not in own | set(GROUPS) and not value.get("description"):
                    silent.add(f"{where}: {part.get('title')}.{key}")
            for value in part.values():
                visit(value, where)
        elif isinstance(part, list):
            for value in part:
                visit(value, where)

    for path in SCHEMA_FOLDER.glob("*.json"):
        visit(json.loads(path.read_text("utf-8")), path.name)
    assert not silent
