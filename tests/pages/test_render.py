"""Templates: escaped, strict about their variables, self-contained."""

import pytest
from helpers.html_tags import check_self_contained, tags_of
from jinja2 import UndefinedError

from mtl_cli.evaluation.gate_rows import GateRow
from mtl_cli.network.diagram import Part
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.network_chart import network_chart
from mtl_cli.pages.render import render

NASTY = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def run_page(text: str) -> str:
    """The page of a run in which every text is the given one."""
    lines = [Line(text, [1, 2], [0.5, 0.4], color) for color in (0, 1)]
    plot = LinePlot(text, "epoch", text, lines, kept_epoch=2)
    cells = [["task", text], [text, "0.5"]]
    parts = [Part(text, text, "input"), Part(text, text, "output", [0])]
    facts = ("rows", "features", "parameters", "epochs", "seed")
    return render(
        "run.html",
        title=text,
        facts=dict.fromkeys(facts, text),
        split=text,
        headlines=[{"title": text, "value": text, "metric": text, "rows": text}],
        warnings=[text],
        scores={text: [cells]},
        learning_curves=[plot],
        plots={text: [plot]},
        max_open_tasks=4,
        gates=[GateRow(text, "95 %", "80 %", [(text, "33")])],
        network=network_chart(parts),
        tasks_by_split=cells,
        features=cells,
        stages=cells,
        command=text,
        next_commands=[(text, text)],
        configuration=text,
    )


@pytest.mark.parametrize("text", ["ple on shop", NASTY])
def test_run_page_is_self_contained_and_escaped(text: str) -> None:
    check_self_contained(run_page(text))


def test_run_page_shows_scores_plots_and_settings() -> None:
    page = run_page("shop")
    curves = [a for tag, a in tags_of(page) if tag == "path" and "curve" in a["class"]]
    assert [curve["class"] for curve in curves] == ["curve c0", "curve c1"] * 2
    assert "<td>0.5</td>" in page
    assert "<pre>shop</pre>" in page
    assert "The dashed line is the epoch whose weights were kept." in page


def test_missing_variable_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="facts"):
        render("run.html", title="run")
