"""Private parts of Hydra that the package relies on still do their work."""

import sys
from argparse import ArgumentError
from pathlib import Path
from typing import Any

import hydra
import pytest
from helpers.commands import refused
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import create_config_search_path
from hydra.core.object_type import ObjectType
from hydra.core.singleton import Singleton
from hydra.types import RunMode
from omegaconf import DictConfig

from mtl_cli.cli.config_files import bound_yaml_files
from mtl_cli.cli.hydra_internals import (
    argument_parser,
    load_primary,
    wrap_composition,
)
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


def test_every_composition_passes_the_wrapper_with_its_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = ConfigLoaderImpl._load_configuration_impl
    original = getattr(original, "__wrapped__", original)
    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", original)
    seen: list[tuple[str, list[str]]] = []

    def wrapper(loader, composition, name: str, settings: list[str]) -> DictConfig:
        assert load_primary(loader, name).seed == 1
        seen.append((name, settings))
        composed = composition()
        assert "run" in composed.hydra  # the section that Hydra acts on
        return composed

    wrap_composition(wrapper)
    wrap_composition(wrapper)  # a second time has no effect
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        assert compose("config", ["seed=7"]).seed == 7
    assert seen == [("config", ["seed=7"])]


def test_processes_of_launchers_register_hydras_classes_again() -> None:
    bound_yaml_files()
    # joblib, submitit and Ray do this in each of their processes.
    Singleton.set_state(Singleton.get_state())
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        assert compose("config", ["seed=7"]).seed == 7


def test_linked_group_has_options_and_no_groups(tmp_path: Path) -> None:
    bound_yaml_files()
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


def test_each_composition_reads_the_files_as_they_are(tmp_path: Path) -> None:
    bound_yaml_files()
    (tmp_path / "part").mkdir()
    main, part = tmp_path / "main.yaml", tmp_path / "part" / "a.yaml"
    main.write_text("defaults: [part: a, _self_]\n")
    seen = []
    for value, settings in ((1, ["part.key=9"]), (1, []), (2, []), (1, [])):
        part.write_text(f"key: {value}\n")
        with initialize_config_dir(str(tmp_path), version_base="1.3"):
            seen.append(compose("main", settings).part.key)
    assert seen == [9, 1, 2, 1]


@pytest.mark.parametrize(
    ("defaults", "settings", "message"),
    [
        ("[{part: '???'}]", [], "You must specify 'part', e.g, part=<OPTION>"),
        ("[part: a]", ["part.key=1,2"], "Ambiguous value for argument"),
        ("[part: a]", ["part=a,b"], "Ambiguous value for argument"),
    ],
)
def test_configuration_composed_for_its_mode_is_run_only_if_hydra_would_run_it(
    defaults: str, settings: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "a.yaml").write_text("key: 1\n")
    (tmp_path / "main.yaml").write_text(
        f"defaults: {defaults}\ndataset: {{name: x}}\nhydra: {{run: {{dir: x}}}}\n"
    )
    place = ["--config-path", str(tmp_path), "--config-name", "main"]
    code, _, err, _ = refused(tmp_path, *place, *settings)
    assert code == 2
    assert message in err


def test_run_and_sweep_are_composed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = ConfigLoaderImpl._load_configuration_impl
    original = getattr(original, "__wrapped__", original)
    composed = []

    def counted(loader: ConfigLoaderImpl, **kwargs: Any) -> DictConfig:
        composed.append(kwargs["overrides"])
        return original(loader, **kwargs)

    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", counted)
    checked = []

    def check(_: Any, compose: Any, name: str | None, settings: list[str]) -> Any:
        checked.append(settings)
        return compose()

    wrap_composition(check)
    loader = ConfigLoaderImpl(create_config_search_path(str(conf_folder())))
    for mode in (RunMode.RUN, RunMode.MULTIRUN):
        app = Hydra("x", loader)
        settings = ["seed=3", "hydra.job.name=x"]
        assert app.get_mode("config", settings) is None
        settings = [*settings, f"hydra.mode={mode.name}"]  # as Hydra does
        run = app.compose_config("config", settings, mode)
        assert composed == [settings[:2]]  # the run takes what was composed for it
        assert checked == [settings[:2], settings]  # and it is checked with its mode
        assert (run.seed, run.hydra.mode) == (3, mode)
        again = app.compose_config("config", settings, mode)
        assert composed.pop() == settings
        assert again == run
        assert [*again.hydra.overrides.hydra] == settings[1:]
        composed.clear()
        checked.clear()


def test_command_is_composed_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = ConfigLoaderImpl._load_configuration_impl
    original = getattr(original, "__wrapped__", original)
    composed, seen = [], []

    def counted(loader: ConfigLoaderImpl, **kwargs: Any) -> DictConfig:
        composed.append(kwargs["overrides"])
        return original(loader, **kwargs)

    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", counted)
    wrap_composition(lambda _, compose, *__: compose())
    monkeypatch.setattr(sys, "argv", ["x", "seed=3", f"hydra.run.dir={tmp_path}"])
    decorate = hydra.main(str(conf_folder()), "config", version_base="1.3")
    decorate(lambda config: seen.append(config.seed))()
    assert seen == [3]
    assert composed == [[*sys.argv[1:], "hydra.mode=RUN"]]  # Hydra adds to its list
