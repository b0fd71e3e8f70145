"""Templates: escaped, strict about their variables, self-contained."""

import pytest
from helpers.html_tags import check_self_contained, tags_of
from jinja2 import UndefinedError

from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.render import render

NASTY = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def run_page(text: str) -> str:
    """The page of a run in which every text is the given one."""
    lines = [Line(text, [1, 2], [0.5, 0.4], color) for color in (0, 1)]
    return render(
        "run.html",
        title=text,
        scores={text: [[["task", text], [text, "0.5"]]]},
        plots={text: [LinePlot(text, "epoch", text, lines, kept_epoch=2)]},
        settings=text,
    )


@pytest.mark.parametrize("text", ["ple on shop", NASTY])
def test_run_page_is_self_contained_and_escaped(text: str) -> None:
    check_self_contained(run_page(text))


def test_run_page_shows_scores_plots_and_settings() -> None:
    page = run_page("shop")
    curves = [a for tag, a in tags_of(page) if tag == "path" and "curve" in a["class"]]
    assert [curve["class"] for curve in curves] == ["curve c0", "curve c1"]
    assert "<td>0.5</td>" in page
    assert "<pre>shop</pre>" in page
    assert "The dashed line is the epoch whose weights were kept." in page


def test_missing_variable_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="scores"):
        render("run.html", title="run")
