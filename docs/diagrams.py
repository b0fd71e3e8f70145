"""Draws the networks of the models as SVG, from the networks themselves.

A drawing shows the layers of the network, as the report of a run does. The colours
stand in `assets/site.css`.
"""

import functools
import os

from hydra import compose, initialize_config_dir

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.config.check import check
from mtl_cli.core.option_classes import option_class
from mtl_cli.core.paths import conf_folder
from mtl_cli.models.base import Sharing
from mtl_cli.pages.network_chart import network_chart
from mtl_cli.pages.render import environment

FEATURES = ("user", "item")
NUM_SCENARIOS = 3  # of models that read the scenario of a row


@functools.cache
def diagram(model: str) -> str:
    """Returns the picture of a model at its defaults, with two features and tasks."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from mtl_cli.network.build import build
    from mtl_cli.network.diagram import nodes_of

    overrides, sizes = [f"model={model}"], dict.fromkeys(FEATURES, 100)
    if option_class("models", model, Sharing).reads_scenario:
        sizes["market"] = 1 + NUM_SCENARIOS
        overrides += ["++dataset.features.market={kind: sparse}"]
        overrides += ["++dataset.scenario=market"]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = check(compose("config", overrides=overrides))
    tables = {name: EmbeddingTable(size) for name, size in sizes.items()}
    layout = Layout(tables, {name: Block("ids", table=name) for name in sizes})
    nodes = nodes_of(build(config, layout).logits, list(config.chosen_tasks))
    charts = environment().get_template("charts.html").make_module()
    return str(vars(charts)["svg"](network_chart(nodes)))
