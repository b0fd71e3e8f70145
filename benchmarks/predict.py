"""Rows per second of `mtl-predict` on millions of rows, against DeepCTR's `predict`.

The model is the source's Census-Income MMoE after one epoch. mtl-cli's figure is of the
whole command: it reads the rows from a Parquet file, encodes them, and writes a Parquet
file of predictions. DeepCTR's figure is of `model.predict` alone, on encoded rows that
are in memory, with the batch size of 256 of DeepCTR's examples.
"""

import subprocess
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from alternate import (
    FOLDER,
    MTL_TRAIN,
    OURS,
    Contender,
    Result,
    alternate,
    arguments,
    deepctr,
    print_status,
)
from report import compare, save

BARS = {"DeepCTR": 3}
CENSUS = FOLDER.parent / "data" / "census_income" / "test.parquet"


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__)
    parser.add_argument("--million", type=float, default=5, help="millions of rows")
    options = parser.parse_args()
    rows = int(options.million * 1e6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, table = train(folder), write_rows(folder, rows)
        mtl_predict = str(Path(MTL_TRAIN).with_name("mtl-predict"))
        command = [mtl_predict, str(run), str(table), "-o", "predictions.parquet"]

        def read_predictions(own: Path, _output: str) -> Result:
            written = pq.read_metadata(own / "predictions.parquet").num_rows
            if written != rows:
                raise RuntimeError(f"{written} predictions for {rows} rows")
            return {"rows": rows}

        results = alternate(
            [
                Contender(OURS, command, read_predictions),
                *deepctr(options.peers, "deepctr_predict.py", "--rows", rows),
            ],
            options.repeats,
        )
    table_rows = compare(
        f"source's Census-Income MMoE, {rows:,} rows: predictions per second",
        results,
        rows_per_second,
        BARS,
        {"peak memory, MB": (lambda result: result["peak_memory_mb"], ",.0f")},
    )
    save("predict", results, table_rows)


def rows_per_second(result: Result) -> float:
    """Returns the rate of the prediction; of the whole process if no part was timed."""
    return result["rows"] / result.get("predict_seconds", result["wall_seconds"])


def train(folder: Path) -> Path:
    """Trains the model for one epoch; returns its run folder."""
    run = folder / "run"
    print_status("training the model")
    subprocess.run(
        [
            MTL_TRAIN,
            "experiment=source/census_income_mmoe",
            "trainer.epochs=1",
            f"hydra.run.dir={run}",
        ],
        check=True,
        capture_output=True,
    )
    return run


def write_rows(folder: Path, rows: int) -> Path:
    """Writes the test rows of Census-Income, repeated up to `rows` rows, as Parquet."""
    test = pq.read_table(CENSUS)
    repeated = pa.concat_tables([test] * -(-rows // test.num_rows))
    path = folder / "rows.parquet"
    pq.write_table(repeated.slice(0, rows), path, row_group_size=100_000)
    return path


if __name__ == "__main__":
    main()
