"""Plots of values with intervals: every mark where its number says."""

from mtl_cli.pages.interval_plots import Bar, IntervalPlot

BARS = [Bar("Oslo", "0.8 ±0.1", 0.8, 0.7, 0.9), Bar("a" * 60, "0.5", 0.5, 0.5, 0.5)]


def test_dots_lie_on_their_bars_and_on_one_scale() -> None:
    chart = IntervalPlot("auc by city", "auc", BARS, reference=0.6).chart()
    dots = [m.attributes for m in chart.marks if m.tag == "circle"]
    bars = [m.attributes for m in chart.marks if "bar" in str(m.attributes["class"])]
    (line,) = [
        m.attributes for m in chart.marks if m.attributes["class"] == "reference"
    ]
    x = [float(str(dot["cx"])) for dot in dots]
    ends = [(float(str(bar["x1"])), float(str(bar["x2"]))) for bar in bars]
    assert ends[0][0] < x[0] < ends[0][1]
    assert ends[1] == (x[1], x[1])
    per_unit = (x[0] - x[1]) / 0.3
    assert abs(float(str(line["x1"])) - (x[1] + 0.1 * per_unit)) < 0.2
    assert abs(ends[0][1] - ends[0][0] - 0.2 * per_unit) < 0.3
    assert [dot["cy"] for dot in dots] == [bar["y1"] for bar in bars]


def test_long_names_are_cut_and_shown_in_full_on_pointing() -> None:
    chart = IntervalPlot("auc by city", "auc", BARS, reference=0.6).chart()
    names = [m.text for m in chart.marks if m.attributes.get("class") == "row"]
    assert names == ["Oslo", "a" * 36 + "…"]
    assert [m.tooltip for m in chart.marks if m.tag == "circle"] == ["Oslo", "a" * 60]


def test_name_is_cut_further_beside_a_long_text() -> None:
    text = "120,118,810 ±11,565,874 ★"
    chart = IntervalPlot("mse", "mse", [Bar("a" * 60, text, 1, 1, 1)], None).chart()
    (name,) = [m.text for m in chart.marks if m.attributes.get("class") == "row"]
    assert name == "a" * (49 - len(text)) + "…"
