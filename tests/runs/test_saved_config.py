"""The `config.yaml` of a run folder."""

import pytest
from omegaconf import OmegaConf

from mtl_cli.runs.saved_config import read_config, saved_config


# Some characters are line breaks or blanks in YAML. "1e3" would be read as a number.
@pytest.mark.parametrize(
    "text", ["\x85", "a\x85b", "\u2028", "\u2029", "\ufeff", "ä", "1e3", "a\nb"]
)
def test_saved_text_is_read_back_as_the_same_text(text, tmp_path):
    features = {"items": {"kind": "sequence", "separator": text}}
    keys = {"dataset": {"name": "mine", "features": features}, "model": {"name": "ple"}}
    saved = saved_config(OmegaConf.create(keys), {})
    (tmp_path / "config.yaml").write_text(saved, "utf-8")
    assert read_config(tmp_path) == keys
