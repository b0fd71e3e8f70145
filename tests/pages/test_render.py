"""Templates: escaped, strict about their variables, self-contained."""

from typing import Any

import pytest
from helpers.html_tags import check_self_contained, tags_of
from helpers.run_pages import run_page
from jinja2 import UndefinedError

from mtl_cli.pages.network_chart import Node, network_chart
from mtl_cli.pages.render import render
from mtl_cli.runs.diagnosis import Diagnosis

NASTY = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.mark.parametrize("text", ["ple on shop", NASTY])
def test_run_page_is_self_contained_and_escaped(text: str) -> None:
    check_self_contained(run_page(text))


def test_run_page_shows_scores_plots_and_settings() -> None:
    page = run_page("shop")
    curves = [a for tag, a in tags_of(page) if tag == "path" and "curve" in a["class"]]
    # The learning curves, the plot of predictions, and the chart of importance.
    assert [curve["class"] for curve in curves] == ["curve c0", "curve c1"] * 3
    assert "<td>0.5</td>" in page
    assert "<pre>shop</pre>" in page
    assert "The dashed line is the epoch whose weights were kept." in page


def test_wide_network_keeps_its_size_on_a_narrow_screen() -> None:
    """The text of a drawing that is scaled down to a phone cannot be read."""
    inputs = [Node(f"input {i}", "", "input") for i in range(8)]
    chart = network_chart([*inputs, Node("out", "", "output", [*range(8)])])
    page = run_page("shop", network=chart)
    (drawing,) = [a for _, a in tags_of(page) if "drawing" in a.get("class", "")]
    assert drawing["style"] == f"--natural:{chart.width}px"
    assert "scroll" in drawing["class"]
    assert "@media(max-width:48rem){.drawing svg{min-width:var(--natural)}}" in page
    # A title fits its box at the size of the drawing's text, on every screen.
    assert ".drawing text{font-size:12px}" in page


def test_card_holds_no_link_picture_or_cell_of_a_name() -> None:
    name = "![b](http://evil/x.png) [c](javascript:x) | `d`"
    headline = {"title": name, "metric": "auc", "value": "0.5", "interval": ""}
    card = render(
        "model_card.md",
        title=name,
        name=name,
        facts={"tasks": name},
        command=name,
        split="test",
        headlines=[headline],
        tables=[[["task", "auc"], [name, "0.5"]]],
        warnings=[name],
        weaknesses=[name],
        absent=[],
        remarks=[name],
    )
    for mark in "[]|`":
        assert f"\\{mark}" in card
    lines = card.splitlines()
    # The command is an indented block, which Markdown shows as it is.
    (command,) = [line for line in lines if line.startswith("    ")]
    assert command.strip() == name
    lines.remove(command)
    assert not any("](http" in line.replace("\\]", "") for line in lines)
    rows = [line for line in card.splitlines() if line.startswith("| ") and "b" in line]
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)


def card_of(**changes: Any) -> str:
    """Renders the model card of a run without warnings and weaknesses."""
    values: dict[str, Any] = {"title": "t", "name": "n", "facts": {}, "command": "c"}
    values |= {"split": "test", "headlines": [], "tables": [], "warnings": []}
    values |= {"weaknesses": [], "remarks": []}
    return render("model_card.md", **values | changes)


def test_card_claims_only_what_was_tested() -> None:
    card = card_of(remarks=["slices of sec, whose tests take long", "two"])
    known = card.split("## Known weaknesses\n")[1]
    assert known.splitlines() == [
        "",
        "None was found.",
        "",
        "- not tested: slices of sec, whose tests take long",
        "- not tested: two",
    ]
    assert card_of().endswith("None was found.\n")
    assert card_of(warnings=["odd"], remarks=["x"]).endswith(
        "\n- odd\n- not tested: x\n"
    )


def test_page_says_why_no_slice_is_shown() -> None:
    few_rows = "has enough valid rows for a test"
    tested = Diagnosis("valid", 9, {"click": []}, {}, [])
    assert few_rows in run_page("shop", weakest=[], importance=[], diagnosis=tested)
    remark = "slices of sec, whose tests take long"
    left_out = Diagnosis("valid", 9, {}, {}, [remark])
    page = run_page("shop", weakest=[], importance=[], diagnosis=left_out)
    assert few_rows not in page
    assert "No slice was tested." in page
    assert remark in page


def test_missing_variable_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="facts"):
        render("run.html", title="run")


def test_colour_of_a_gates_weight_stays_within_its_scale() -> None:
    weights = [("a", "-5"), ("b", "40"), ("c", "130")]
    row = {"name": "level_1 a", "entropy_of_mean": "-", "mean_entropy": "-"}
    page = run_page("shop", gates=[row | {"weights": weights}], gates_by_slice=[])
    styles = [a["style"] for tag, a in tags_of(page) if a.get("class") == "cell"]
    assert styles == ["--w:0%", "--w:40%", "--w:100%"]
    assert ">-5</td>" in page


def test_page_says_which_time_it_cannot_count() -> None:
    section = run_page("shop").split("<h2>Time</h2>")[1].split("</section>")[0]
    assert "Without the time to write the tables, plots and this page." in section
