"""The names of `import mtl_cli`, and the price of the import."""

import importlib
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import mtl_cli
from mtl_cli.core import errors

LARGE = ["tensorflow", "keras", "hydra", "omegaconf", "pydantic", "pandas", "pyarrow"]


def test_import_loads_no_large_package() -> None:
    code = f"import sys, mtl_cli; print([m for m in {LARGE} if m in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.stdout == "[]\n", ended.stderr


def test_every_public_name_exists_and_says_what_it_is() -> None:
    assert dir(mtl_cli) == mtl_cli.__all__
    for name in mtl_cli.__all__:
        value = getattr(mtl_cli, name)
        assert name == "__version__" or inspect.getdoc(value), name
    assert mtl_cli.__version__ == version("mtl-cli")
    assert mtl_cli.DataError is errors.DataError
    with pytest.raises(AttributeError, match="has no attribute 'tarin'"):
        mtl_cli.tarin  # noqa: B018


def test_types_are_shipped() -> None:
    assert (Path(inspect.getfile(mtl_cli)).parent / "py.typed").is_file()


def test_compare_is_the_function_after_its_modules_were_imported() -> None:
    importlib.import_module("mtl_cli.comparison.runs")
    for function in (mtl_cli.compare, importlib.import_module("mtl_cli").compare):
        with pytest.raises(mtl_cli.ConfigError, match="no folder; name runs or sweeps"):
            function()
