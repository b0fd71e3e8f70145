"""Imports of `mtl_cli` run one way, between packages and between files."""

import tomllib
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = ROOT / "pyproject.toml"


def test_packages_import_packages_below_them_and_no_files_import_each_other() -> None:
    ended = lint_imports(config_filename=str(PYPROJECT), no_cache=True)
    assert ended == EXIT_STATUS_SUCCESS, "run `make lint`, which names the imports"


def test_the_contract_names_every_package() -> None:
    contract = tomllib.loads(PYPROJECT.read_text("utf-8"))
    layers, _ = contract["tool"]["importlinter"]["contracts"]
    named = {name for layer in layers["layers"] for name in layer.split(" | ")}
    packages = {
        f"mtl_cli.{path.parent.name}" for path in ROOT.glob("mtl_cli/*/__init__.py")
    }
    assert named == packages
