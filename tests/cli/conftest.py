"""Lets the commands of a test file share the models that they load."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtl_cli.runs import saved_model


@pytest.fixture(autouse=True, scope="module")
def models_loaded_once() -> Iterator[None]:
    """Loads a model again only if its files change: loading takes a third of a second.

    `tests/attacks/test_saved_models.py` tests the loading.
    """
    load = saved_model.load
    loaded: dict[object, Any] = {}

    def load_once(run: str | Path) -> Any:
        files = sorted([*Path(run).glob("*"), *(Path(run) / "model").glob("*")])
        times = [(file.name, file.lstat().st_mtime_ns) for file in files]
        key = (Path(run).absolute(), *times)
        if key not in loaded:
            loaded[key] = load(run)
        return loaded[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "load", load_once)
        yield
