"""Renders the page of a run with the same text everywhere."""

from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.network_chart import Node, network_chart
from mtl_cli.pages.render import render
from mtl_cli.runs.diagnosis import Diagnosis
from mtl_cli.scoring.gate_rows import GateRow, GateTable


def run_page(text: str, **changes: object) -> str:
    """Renders the page of a run in which every text is `text`.

    Args:
        text: the text, such as one that must be escaped.
        changes: {variable of the page: its value}, for values that should differ.
    """
    lines = [Line(text, [1, 2], [0.5, 0.4], color) for color in (0, 1)]
    plot = LinePlot(text, "epoch", text, lines, kept_epoch=2)
    cells = [["task", text], [text, "0.5"]]
    parts = [Node(text, text, "input"), Node(text, text, "output", [0])]
    facts = ("rows", "features", "parameters", "epochs", "seed")
    values: dict[str, object] = dict(
        title=text,
        facts=dict.fromkeys(facts, text),
        split=text,
        headlines=[
            {
                "title": text,
                "value": text,
                "metric": text,
                "rows": text,
                "interval": text,
            }
        ],
        warnings=[text],
        scores={text: [cells]},
        by_scenario=[],
        learning_curves=[plot],
        plots={text: [plot]},
        max_open_tasks=4,
        weakest=[cells],
        importance=[plot.chart()],
        diagnosis=Diagnosis(
            text, 9, {}, {"rows": 9, "scored_rows": {text: 7}, "repeats": 5}, [text]
        ),
        gates_column=text,
        gates_by_slice=[GateTable(text, [text], [(text, ["33"])])],
        gates=[GateRow(text, "95 %", "80 %", [(text, "33")])],
        network=network_chart(parts),
        tasks_by_split=cells,
        features=cells,
        stages=cells,
        command=text,
        next_commands=[(text, text)],
        configuration=text,
    )
    return render("run.html", **values | changes)
