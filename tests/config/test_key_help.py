"""`mtl-train --help KEY` explains each key with its values, default and options."""

from collections.abc import Iterator
from typing import Any

import pytest
from omegaconf import OmegaConf

from mtl_cli.config.key_help import explain_keys
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import conf_folder

WITHOUT_TEXT = ("defaults", "hydra", "name")


def keys_of(values: Any, prefix: str = "") -> Iterator[str]:
    """Yields the dotted keys of a YAML file, without those that Hydra reads."""
    for key, value in values.items():
        if key in WITHOUT_TEXT:
            continue
        if isinstance(value, dict) and value:
            yield from keys_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_key_is_explained_with_values_and_default() -> None:
    name, *text, values = explain_keys(["trainer.patience"]).splitlines()
    assert name == "trainer.patience"
    assert "number of epochs without a better validation metric" in text[0]
    assert values.strip() == (
        "values: `auto` or whole number ≥ 1 or `null`; default: auto"
    )


def test_end_of_a_key_is_enough_and_options_are_listed() -> None:
    text = explain_keys(["min_count"])
    assert "dataset.features.NAME.min_count  (cross)\n" in text
    assert "dataset.features.NAME.min_count  (sequence, sparse)\n" in text
    assert explain_keys(["dataset.train"]).startswith(
        "dataset.train  (without generator)\n"
    )


def test_section_is_explained_with_all_keys() -> None:
    text = explain_keys(["sweep"])
    headings = [line for line in text.splitlines() if line[:1].strip()]
    assert headings == ["sweep", "sweep.jobs", "sweep.timeout_minutes"]


def test_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no key 'patiense'; did you mean patience"):
        explain_keys(["patiense"])
    with pytest.raises(ConfigError, match=r"'model\.name' chooses an option"):
        explain_keys(["model.name"])


def test_every_key_of_the_configs_is_explained() -> None:
    files = [conf_folder() / "config.yaml"]
    for group in ("model", "encoder", "optimizer", "balancing", "trainer", "tracker"):
        files += sorted((conf_folder() / group).glob("*.yaml"))
    for file in files:
        values = OmegaConf.to_container(OmegaConf.load(file))
        is_primary = file.name == "config.yaml"
        for key in keys_of(values, "" if is_primary else f"{file.parent.name}."):
            assert explain_keys([key]).startswith(key), f"{file.name}: {key}"
