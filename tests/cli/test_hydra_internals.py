"""Private parts of Hydra that the package relies on still do their work."""

import copy
import errno
import os
from argparse import ArgumentError
from pathlib import Path
from typing import NoReturn

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.structured_config_source import StructuredConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.core.singleton import Singleton
from omegaconf import DictConfig

from mtl_cli.cli.arguments import argument_parser
from mtl_cli.cli.hydra_setup import restrict_files, share_config_store, wrap_method
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import conf_folder


def test_parser_knows_hydras_flags_and_raises_errors() -> None:
    parser = argument_parser()
    command = ["-m", "seed=1", "--config-path", "x", "model=ple"]
    parsed, unknown = parser.parse_known_intermixed_args([*command, "--epochs=3"])
    assert (parsed.multirun, parsed.config_path) == (True, "x")
    assert (parsed.overrides, unknown) == (["seed=1", "model=ple"], ["--epochs=3"])
    for asked in ("cfg", "info", "help", "hydra_help", "experimental_rerun", "run"):
        assert not getattr(parsed, asked)
    with pytest.raises(ArgumentError, match="invalid choice: 'nothing'"):
        parser.parse_known_intermixed_args(["--cfg", "nothing"])


def test_store_of_configs_is_shared_and_copies_the_configs_that_it_returns() -> None:
    share_config_store()
    store = ConfigStore.instance()
    assert copy.deepcopy([store])[0] is store
    source = StructuredConfigSource("hydra", "structured://")
    assert source.store is store  # Hydra copies its sources for each config group
    config = store.load("hydra/config.yaml").node
    level = config.verbose
    config.verbose = "changed"
    assert store.load("hydra/config.yaml").node.verbose == level != "changed"


def test_every_configuration_is_composed_by_the_replacement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "_load_configuration_impl"
    original = getattr(ConfigLoaderImpl, name)
    original = getattr(original, "__wrapped__", original)
    monkeypatch.setattr(ConfigLoaderImpl, name, original)
    seen: list[tuple[str, list[str]]] = []

    def replacement(
        compose, loader, config_name: str, overrides: list[str], **options
    ) -> DictConfig:
        assert loader.repository.load_config(config_name).config.seed == 1
        seen.append((config_name, overrides))
        composed = compose(
            loader, config_name=config_name, overrides=overrides, **options
        )
        assert "run" in composed.hydra  # the section that Hydra acts on
        return composed

    wrap_method(ConfigLoaderImpl, name, replacement)
    wrap_method(ConfigLoaderImpl, name, replacement)  # a second time has no effect
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        assert compose("config", ["seed=7"]).seed == 7
    assert seen == [("config", ["seed=7"])]


def test_processes_of_launchers_register_hydras_classes_again() -> None:
    restrict_files()
    # joblib, submitit and Ray do this in each of their processes.
    Singleton.set_state(Singleton.get_state())
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        assert compose("config", ["seed=7"]).seed == 7


def test_linked_group_has_options_and_no_groups(tmp_path: Path) -> None:
    restrict_files()
    (tmp_path / "elsewhere" / "inner").mkdir(parents=True)
    (tmp_path / "elsewhere" / "mine.yaml").write_text("name: mine")
    conf = tmp_path / "conf"
    (conf / "experiment" / "source").mkdir(parents=True)
    (conf / "dataset").symlink_to(tmp_path / "elsewhere")
    (conf / "loop").symlink_to(conf)
    source = SourcesRegistry.instance().types["file"]("user", f"file://{conf}")
    assert source.list("", ObjectType.GROUP) == ["dataset", "experiment", "loop"]
    assert source.list("experiment", ObjectType.GROUP) == ["source"]
    assert source.list("dataset", ObjectType.CONFIG) == ["mine"]
    assert source.list("dataset", ObjectType.GROUP) == []
    assert source.list("loop", ObjectType.GROUP) == []


def test_names_that_would_command_the_terminal_are_not_listed(tmp_path: Path) -> None:
    restrict_files()
    for name in ("é x", "a\x1b]0;title\x07", "a\u202eb", "a\nb"):
        (tmp_path / f"{name}.yaml").write_text("key: 1")
        (tmp_path / name).mkdir()
    source = SourcesRegistry.instance().types["file"]("user", f"file://{tmp_path}")
    assert source.list("", ObjectType.CONFIG) == ["é x"]
    assert source.list("", ObjectType.GROUP) == ["é x"]


def test_file_or_folder_of_configs_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restrict_files()
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "a.yaml").write_text("key: 1\n")
    source = SourcesRegistry.instance().types["file"]("user", f"file://{tmp_path}")

    def fail(path: object, *_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", fail)
    monkeypatch.setattr(os, "listdir", fail)
    with pytest.raises(ConfigError, match=r"part/a\.yaml cannot be read: Permission"):
        source.load_config("part/a")
    with pytest.raises(ConfigError, match="part cannot be read: Permission denied"):
        source.list("part", ObjectType.GROUP)


def test_each_composition_reads_the_files_as_they_are(tmp_path: Path) -> None:
    restrict_files()
    (tmp_path / "part").mkdir()
    main, part = tmp_path / "main.yaml", tmp_path / "part" / "a.yaml"
    main.write_text("defaults: [part: a, _self_]\n")
    seen = []
    for value, settings in ((1, ["part.key=9"]), (1, []), (2, []), (1, [])):
        part.write_text(f"key: {value}\n")
        with initialize_config_dir(str(tmp_path), version_base="1.3"):
            seen.append(compose("main", settings).part.key)
    assert seen == [9, 1, 2, 1]
