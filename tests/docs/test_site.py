"""The documentation site: complete, strict, and without requests to other hosts."""

import re
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from helpers.code_blocks import ROOT
from helpers.composition import composed
from helpers.slow import slow_except

from mtl_cli.config.check import check
from mtl_cli.config.groups import GROUPS, classes_of_group
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.data.load import load
from mtl_cli.models.base import Sharing
from mtl_cli.network.build import build

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """The module that fills the marks of the pages."""
    spec = spec_from_file_location("hooks", DOCS / "hooks.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_model_has_a_page_a_drawing_and_its_keys() -> None:
    for name in option_names("models"):
        page = (DOCS / "models" / f"{name}.md").read_text("utf-8")
        assert f"<!-- diagram: {name} -->" in page
        assert f"<!-- keys: model {name} own -->" in page or name == "esmm"
        assert f"<!-- cost: {name} -->" in page
        assert f"models/{name}.md" in (ROOT / "mkdocs.yml").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_except(["home"], option_names("models")))
def test_every_drawing_is_valid_xml_with_a_description(
    hooks: ModuleType, name: str
) -> None:
    svg = ElementTree.fromstring(hooks.diagram(name))
    assert svg.get("aria-label")


@pytest.mark.slow
def test_drawings_show_the_sizes_of_the_configs(hooks: ModuleType) -> None:
    assert "8 networks of 64 → 64" in hooks.diagram("mmoe")
    ple = hooks.diagram("ple")
    assert "level 1 shared experts" in ple
    assert "level 2 shared experts" in ple
    assert ple.count("4 networks of 64 → 64") == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_except(["mmoe"], option_names("models")))
def test_pages_show_the_number_of_parameters_on_adult(
    hooks: ModuleType, name: str
) -> None:
    overrides = [f"model={name}"]
    if option_class("models", name, Sharing).reads_scenario:
        overrides.append("++dataset.scenario=workclass")
    config = check(composed(*overrides))
    data = load(config.dataset, config.outputs)
    network = build(config, data.features.layout)
    row = f"| `{name}` | {network.logits.count_params():,} |"
    assert hooks.costs_table(name).splitlines()[2].startswith(row)
    assert row in hooks.costs_table("")


@pytest.mark.parametrize("group", GROUPS)
def test_reference_names_every_key_of_every_option(
    hooks: ModuleType, group: str
) -> None:
    table = hooks.keys_table(group)
    for option, kind in classes_of_group(group).items():
        setting = "dataset.generator" if group == "dataset" else group
        assert not option or f"`{setting}={option}`" in table
        for key in kind.model_fields:
            assert key in ("name", "generator") or f"| `{key}" in table


def test_reference_has_defaults_types_and_texts(hooks: ModuleType) -> None:
    row = next(
        line
        for line in hooks.keys_table("model", "ple", "own").splitlines()
        if "`num_levels`" in line
    )
    assert "| whole number ≥ 1 and ≤ 1000 | `2` |" in row
    assert "CGC" in row
    assert "tower_units" not in hooks.keys_table("model", "ple", "own")
    optimizers = hooks.keys_table("optimizer")
    assert "| `learning_rate` | number > 0 | `0.01` |" in optimizers
    assert "Other defaults: `learning_rate` is `0.001` with `adam`;" in optimizers
    run = hooks.keys_table("run")
    assert "`sweep.jobs`" in run and "`compare.single_task`" in run


def test_reference_names_every_kind_of_feature_and_task(hooks: ModuleType) -> None:
    features = hooks.keys_table("features")
    assert "such as `a|b|c`;" in features
    for kind in ("sparse", "hashed", "cross", "sequence", "bucketized", "vector"):
        assert f"kind: {kind}" in features
    assert "`num_buckets`" in features
    assert "`label`" in hooks.keys_table("tasks")


@pytest.mark.slow
def test_every_mark_of_every_page_is_filled(hooks: ModuleType) -> None:
    for page in DOCS.rglob("*.md"):
        text = page.read_text("utf-8")
        marked = re.sub(r"<!-- help: [\w-]+ -->", "", text)
        assert "<!--" not in hooks.on_page_markdown(marked), page


def test_page_of_the_reference_says_if_the_build_fills_it() -> None:
    for page in (DOCS / "reference").glob("*.md"):
        text = page.read_text("utf-8")
        words = " ".join(text.split())
        is_filled = "<!-- " in text or "\n::: " in text
        assert ("when the site is built (`make docs`)" in words) == is_filled, page


@pytest.mark.slow
def test_site_builds_strictly_and_requests_nothing_from_other_hosts(
    tmp_path: Path,
) -> None:
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    loaded = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(https?:|//)")
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        assert not loaded.search(page.read_text("utf-8")), page
    for style in tmp_path.rglob("*.css"):
        text = style.read_text("utf-8")
        assert not re.search(r"(?:@import|url\()\s*[\"']?https?:", text), style


def test_every_name_for_options_of_your_own_exists() -> None:
    page = (DOCS / "reference" / "options.md").read_text("utf-8")
    bases = re.findall(r"^::: (\S+)$", page, re.MULTILINE)
    helpers = re.findall(r"`(mtl_cli(?:\.\w+){3,})`", page)
    table = page.partition("| type |")[2].partition("##")[0]
    types = set(re.findall(r"`(\w+)`", table))
    assert len(helpers) > 20 and len(types) == 9
    aliases = {"mtl_cli.core.tensors.Tensor", "mtl_cli.heads.base.Tasks"}
    errors = {f"mtl_cli.core.errors.{name}" for name in ("ConfigError", "DataError")}
    assert set(helpers) - set(bases) == aliases | errors  # the others have signatures
    names = {*bases, *helpers, *(f"mtl_cli.core.options.{name}" for name in types)}
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name
    guide = (DOCS / "how-to" / "own-options.md").read_text("utf-8")
    imported = {
        f"{module}.{attribute}"
        for module, attributes in re.findall(r"from (mtl_cli\S*) import (.+)", guide)
        for attribute in attributes.split(", ")
    }
    assert imported and imported <= names
    mentioned = set(re.findall(r"`(mtl_cli(?:\.\w+){3,})`", guide))
    assert "mtl_cli.metrics.metric.metric" in mentioned and mentioned <= names
    of_table = re.findall(r"\| `(mtl_cli\.\w+\.\w+\.\w+)`", guide)
    assert len(of_table) == 12 and set(of_table) <= set(bases)
