"""Options from outside the package: one Python file and at most one YAML file each."""

import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from helpers.code_blocks import blocks_of
from helpers.commands import mtl_train, refused, run_cold
from helpers.networks import MODELS
from helpers.planted_data import parquet, planted

import mtl_cli
from mtl_cli.core import option_classes, plugins
from mtl_cli.core.command_line import run_command
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.plugin_code import code_hashes
from mtl_cli.distributed import child_processes
from mtl_cli.models.base import Sharing
from mtl_cli.runs import saved_model

MODEL = """
from mtl_cli.models.base import Sharing
from ..shared import multiplied

class Scaled(Sharing):
    factor: float

    def share(self, encodings, tasks):
        (x,) = encodings.outputs
        return multiplied(x, self.factor)
"""
ENCODER = """
from mtl_cli.encoders.base import Encoder

class Squares(Encoder):
    def interact(self, fields):
        return [fields.flat * fields.flat]
"""
TRACKER = """
from pathlib import Path
from typing import Any
from pydantic import PrivateAttr
from mtl_cli.trackers.base import Tracker

class Lines(Tracker):
    file: str
    _path: Any = PrivateAttr(None)

    def start(self, run, values):
        self._path = run / self.file
        self._path.write_text(f"start {values['model']['name']}\\n")

    def epoch(self, number, row):
        with self._path.open("a") as file:
            file.write(f"epoch {number}\\n")

    def end(self, scores):
        with self._path.open("a") as file:
            file.write(f"end {sorted(scores)}\\n")
"""
FEATURE = """
from mtl_cli.columns.layout import Block
from mtl_cli.columns.numeric import read_numbers
from mtl_cli.features.base import Feature

class Quadratic(Feature):
    factor: float = 1.0
    numeric = True

    def read(self, name, table):
        return read_numbers(name, table[name], "error")

    def encode(self, name, values, learnt):
        x = self.factor * values * values
        return {"dense": x.astype("float32")[:, None]}

    def block(self, name, learnt):
        return Block("dense")
"""
OPTIMIZER = """
from mtl_cli.optimizers.base import Optimizer, SlotSpec

class Lion(Optimizer):
    beta_1: float
    beta_2: float

    def make_keras_optimizer(self, **common):
        import keras

        betas = {"beta_1": self.beta_1, "beta_2": self.beta_2}
        return keras.optimizers.Lion(**betas, **common)

    def row_slots(self):
        return [SlotSpec(0.0)]

    def row_change(self, rows, gradient, slots, step, rate):
        from keras import ops

        (m,) = slots
        mean = self.beta_1 * m + (1 - self.beta_1) * gradient
        m = self.beta_2 * m + (1 - self.beta_2) * gradient
        return -rate * ops.sign(mean), [m]
"""
TASK = """
import numpy as np
from mtl_cli.metrics.regression import mae, rmse
from mtl_cli.columns.labels import read_label_numbers
from mtl_cli.tasks.base import Task

class Count(Task):
    offset: float = 0.0
    METRICS = (rmse, mae)

    def read_labels(self, message_start, column):
        labels = read_label_numbers(message_start, column, "counts need numbers")
        return labels.astype("float32")

    def row_losses(self, labels, logits, statistics):
        import tensorflow as tf

        rate = logits[:, 0] + self.offset
        return tf.exp(rate) - labels * rate

    def predictions(self, logits, statistics):
        from keras import ops

        return ops.exp(logits + self.offset)
"""
# The example of a kind with several predictions.
QUANTILES = next(
    block.text
    for block in blocks_of("docs/how-to/own-options.md")
    if block.file == "my_options/tasks/quantiles.py"
)
FAILING_PLOTS = """
    def plots(self, label, prediction, weight):
        raise IndexError("one too far")
"""
HEADS = """
from mtl_cli.heads.base import Heads

class Shifted(Heads):
    shift: float

    def connect(self, logits, tasks):
        return {name: logit + self.shift for name, logit in logits.items()}
"""
BALANCING = """
from mtl_cli.balancing.base import Balancing

class Halved(Balancing):
    factor: float

    def loss_weights(self, state, num_tasks):
        import tensorflow as tf

        return tf.fill([num_tasks], self.factor)
"""
FILES = {
    "shared.py": "def multiplied(x, factor):\n    return factor * x\n",
    "models/scaled.py": MODEL,
    "conf/model/scaled.yaml": (
        "name: scaled\nfactor: 2.0\nheads: shifted\nshift: 0.5\n"
    ),
    "heads/shifted.py": HEADS,
    "tasks/count.py": TASK,
    "encoders/squares.py": ENCODER,
    "conf/encoder/squares.yaml": "name: squares\n",
    "features/quadratic.py": FEATURE,
    "optimizers/lion.py": OPTIMIZER,
    "conf/optimizer/lion.yaml": "name: lion\nbeta_1: 0.9\nbeta_2: 0.99\n",
    "balancing/halved.py": BALANCING,
    "conf/balancing/halved.yaml": "name: halved\nfactor: 0.5\n",
    "trackers/lines.py": TRACKER,
    "conf/tracker/lines.yaml": "name: lines\nfile: lines.txt\n",
}
DATASET = """
name: small
train: train.parquet
valid: null
test: null
valid_fraction: 0.3
split_seed: 0
features:
  user: {kind: sparse}
  price: {kind: dense, transform: standard}
tasks:
  click: {label: click, kind: binary}
  buy: {label: buy, kind: binary}
"""
CHOSEN = ["model=scaled", "encoder=squares", "tracker=lines"]
CHOSEN += ["optimizer=lion", "optimizer.lazy=true", "balancing=halved"]
CHOSEN += ["dataset.features.age={kind: quadratic, factor: 0.0005}"]
CHOSEN += ["dataset.tasks.visits={kind: count, label: hour, offset: 1.0}"]
QUICK = ["dataset=small", "trainer.epochs=2", "trainer.compile=false"]
QUICK += ["trainer.batch_size=64"]
MISSING = f"'scaled' is not one of: {', '.join(MODELS)}; "
MISSING += "a plugin needs --plugins FOLDER or its package installed"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Writes files by their paths below a folder; returns the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A folder to start in: a small data set, and the plugins in `mine`."""
    folder = write(tmp_path / "start", {"conf/dataset/small.yaml": DATASET})
    parquet(folder, planted())
    write(folder / "mine", FILES)
    return folder


@pytest.fixture(autouse=True)
def no_plugins_afterwards() -> Any:
    yield
    plugins.use_folders([])


def lines(run: Path) -> list[str]:
    return (run / "lines.txt").read_text().splitlines()


@pytest.mark.slow
def test_folder_of_plugins_trains_saves_and_reruns(start: Path) -> None:
    told = mtl_train(start, "--plugins", "mine", *CHOSEN, *QUICK, "hydra.run.dir=run")
    assert (told.returncode, told.stderr) == (0, "")
    run = start / "run"
    assert lines(run) == [
        "start scaled",
        "epoch 1",
        "epoch 2",
        "end ['train', 'valid']",
    ]
    assert "mtl-train --plugins=mine model=scaled" in (run / "train.log").read_text()
    # The plugin's task predicts counts, which are no probabilities.
    calibration = json.loads((run / "calibration.json").read_text())
    assert set(calibration) == {"click", "buy"}

    again = ["--config-path", "run", "--config-name", "config"]
    told = mtl_train(start, "--plugins=mine", *again, "hydra.run.dir=again")
    assert (told.returncode, told.stderr) == (0, "")
    metrics = [
        json.loads((start / r / "metrics.json").read_text()) for r in ("run", "again")
    ]
    assert metrics[0] == metrics[1]
    assert metrics[0]["valid"]["visits"]["rmse"] > 0

    code, _, error, _ = refused(start, *again)
    missing = "dataset.features.age.kind: 'quadratic' is not one of: bucketized, "
    missing += "calendar, cross, dense, hashed, piecewise_linear, sequence, sparse, "
    missing += "vector; a plugin needs --plugins FOLDER or its package installed"
    assert (code, error) == (2, f"mtl-train: error: {missing}\n")

    with pytest.raises(DataError) as failed:
        saved_model.load(run)
    assert "needs --plugins FOLDER" in str(failed.value)
    assert "\n" not in str(failed.value)
    plugins.use_folders([start / "mine"])
    model = saved_model.load(run)
    network, config = model.network, model.config
    assert config.model.name == "scaled"
    assert config.model.factor == 2.0  # type: ignore[attr-defined]
    assert config.optimizer.name == "lion"
    assert config.balancing.factor == 0.5  # type: ignore[attr-defined]
    assert config.dataset.features["age"].factor == 0.0005  # type: ignore[attr-defined]
    assert config.dataset.tasks["visits"].offset == 1.0  # type: ignore[attr-defined]
    assert config.model.heads_option.shift == 0.5  # type: ignore[attr-defined]
    assert network.predictions.output.keys() == {"click", "buy", "visits"}
    plugins.use_folders([])
    model = mtl_cli.load(run, plugins=str(start / "mine"))
    assert (model.config.model.name, model.outputs) == (
        "scaled",
        ["click", "buy", "visits"],
    )
    (start / "mine" / "shared.py").write_text(FILES["shared.py"] + "# another line\n")
    changed = r"plugin of .*models\.scaled.* has changed"
    with pytest.warns(UserWarning, match=changed):
        mtl_cli.load(run, plugins=str(start / "mine"))
    # The changed code may also make it impossible to load the model.
    failing = "def multiplied(x, factor):\n    return x.missing_name\n"
    write(start / "mine", {"shared.py": failing})
    with pytest.warns(UserWarning, match=changed), pytest.raises(DataError):
        mtl_cli.load(run, plugins=str(start / "mine"))
    write(start / "mine", {"models/scaled.py": MODEL.replace("factor", "divisor")})
    with pytest.raises(DataError, match="use mtl-cli and the plugins as they were"):
        mtl_cli.load(run, plugins=str(start / "mine"))


@pytest.mark.slow
def test_jobs_of_a_sweep_know_the_plugins(start: Path) -> None:
    models = ["scaled", "shared_bottom", "single_task"]
    swept = [f"model={','.join(models)}", "model.tower_units=[8]", "tracker=lines"]
    # Two threads of the sweep's process import plugins, one of them for the table.
    count = "import os\nopen('imports', 'a').write(f'{os.getpid()}\\n')\n"
    write(start / "mine", {"tasks/count.py": f"{count}{TASK}"})
    sweep = ["hydra.sweep.dir=sweep", "sweep.jobs=1"]
    told = mtl_train(start, "-m", "--plugins", "mine", *swept, *QUICK, *sweep)
    assert (told.returncode, told.stderr) == (0, "")
    started = {lines(path.parent)[0] for path in start.glob("sweep/*/metrics.json")}
    assert started == {f"start {model}" for model in models}
    assert "try next:     mtl-compare sweep --plugins=mine\n" in told.stdout
    for log in start.glob("sweep/*/train.log"):
        assert "mtl-train --plugins=mine model=" in log.read_text()
    processes = (start / "imports").read_text().split()
    assert len(processes) == len(set(processes))


def test_help_explains_the_keys_of_plugins(start: Path) -> None:
    asked = ("--help", "shift", "model.factor", "heads")
    code, text, error, _ = refused(start, "--plugins", "mine", *asked)
    assert (code, error) == (0, "")
    assert "model.shift  (scaled)\n    values: number; default: 0.5\n" in text
    assert "model.factor  (scaled)\n    values: number; default: 2.0\n" in text
    assert "`ordered` or `shifted`" in text
    code, _, error, _ = refused(start, *asked)
    assert (code, error[:40]) == (2, "mtl-train: error: --help: no key 'shift'")


def test_processes_of_a_mirrored_run_know_the_plugins(start: Path) -> None:
    commands: list[list[str]] = []
    plugins.use_folders([start / "mine"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            child_processes, "start_child", lambda command, _: commands.append(command)
        )
        patch.setenv("TF_CONFIG", "")
        child_processes.start_children(start / "run", 2)
    assert f"--plugins={start / 'mine'}" in commands[0]


@pytest.mark.slow
def test_installed_package_adds_options_and_configs(start: Path) -> None:
    points = """
    [mtl_cli.models]
    scaled = shop_models.models.scaled
    [mtl_cli.encoders]
    squares = shop_models.encoders.squares:Squares
    [mtl_cli.trackers]
    lines = shop_models.trackers.lines
    [mtl_cli.heads]
    shifted = shop_models.heads.shifted
    [mtl_cli.tasks]
    count = shop_models.tasks.count
    [mtl_cli.features]
    quadratic = shop_models.features.quadratic
    [mtl_cli.optimizers]
    lion = shop_models.optimizers.lion
    [mtl_cli.balancing]
    halved = shop_models.balancing.halved
    [mtl_cli.conf]
    shop_models = shop_models.conf
    """
    packages = start / "site"
    write(packages / "shop_models", FILES | {"__init__.py": ""})
    write(
        packages / "shop_models-1.0.dist-info",
        {
            "METADATA": "Metadata-Version: 2.1\nName: shop_models\nVersion: 1.0\n",
            "entry_points.txt": points,
        },
    )
    path = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    settings = [*CHOSEN, *QUICK, "hydra.run.dir=run"]
    told = run_cold(start, *settings, PYTHONPATH=path)
    assert (told.returncode, told.stderr) == (0, "")
    assert lines(start / "run")[0] == "start scaled"


@pytest.mark.slow
def test_files_where_the_command_starts_are_no_options(start: Path) -> None:
    here = start / "mine"
    write(here, {"conf/dataset/small.yaml": DATASET})
    write(
        here / "evil-1.0.dist-info",
        {
            "METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
            "entry_points.txt": "[mtl_cli.models]\nscaled = models.scaled\n",
        },
    )
    told = run_cold(here, "model.name=scaled", "dataset=small", "check_only=true")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == f"mtl-train: error: model.name: {MISSING}\n"


OWN_METRIC = """
from typing import Literal
from mtl_cli.metrics.metric import metric
from mtl_cli.tasks.binary import Binary

@metric(direction=-1, name={name!r})
def cost(label, prediction, weight):
    return 0.5

class Own(Binary):
    METRICS = (*Binary.METRICS, cost)
    kind: Literal["own"] = "own"
"""


@pytest.mark.parametrize(
    ("file", "kind", "message"),
    [
        (
            QUANTILES.replace(", several_predictions=True", ""),
            "quantiles",
            "kind 'quantiles' makes 3 predictions per row; correct the flag "
            "several_predictions of the metric 'pinball'",
        ),
        (
            OWN_METRIC.replace("name={name!r}", "several_predictions=True"),
            "own",
            "kind 'own' makes 1 predictions per row; correct the flag "
            "several_predictions of the metric 'cost'",
        ),
    ],
)
def test_metric_of_a_plugin_takes_the_predictions_of_its_kind(
    start: Path, file: str, kind: str, message: str
) -> None:
    write(start / "mine", {f"tasks/{kind}.py": file})
    settings = ["dataset=small", f"dataset.tasks.buy.kind={kind}", "check_only=true"]
    code, _, error, _ = refused(start, "--plugins", "mine", *settings)
    assert (code, error) == (
        2,
        f"mtl-train: error: dataset.tasks.buy.metrics: {message}\n",
    )


@pytest.mark.parametrize(
    ("changed", "text", "setting", "message"),
    [
        (
            "conf/encoder/squares.yaml",
            None,
            "encoder=squares",
            "the group 'encoder' has no option 'squares'; known: ",
        ),
        (
            "conf/balancing/halved.yaml",
            "name: halved",
            "balancing=halved",
            "missing key 'balancing.factor'; add it to the YAML file",
        ),
        (
            "tasks/own.py",
            OWN_METRIC.replace("(direction=-1, name={name!r})", ""),
            "dataset.tasks.buy.kind=own",
            "mine/tasks/own.py: cannot be imported: TypeError: write @metric(dir",
        ),
        (
            "tasks/count.py",
            TASK.replace("(rmse, mae)", "(rmse)"),
            "dataset.tasks.visits={kind: count, label: hour}",
            "dataset.tasks.visits.kind: 'count' needs METRICS, a tuple of functions ",
        ),
        (
            "conf/model/scaled.yaml",
            "factor: 2.0\n",
            "model=scaled",
            "model.name is missing; write it into the YAML file; it is one of: adatt",
        ),
        (
            "conf/dataset/files.yaml",
            "name: files\ntrain: rows.csv\ngenerator: null\n",
            "dataset=files",
            "it is one of: funnel, synthetic; to read files, remove the key",
        ),
        (
            "generators/rows.py",
            "from mtl_cli.data.dataset import Dataset\nclass Rows(Dataset): ...\n",
            "+dataset.generator=rows",
            "mine/generators/rows.py: Rows lacks its key generator; write generator: ",
        ),
    ],
)
def test_incomplete_file_of_a_plugin_is_named(
    start: Path, changed: str, text: str | None, setting: str, message: str
) -> None:
    file = start / "mine" / changed
    file.unlink(missing_ok=True)
    if text is not None:
        write(start / "mine", {changed: text})
    arguments = ["--plugins", "mine", "dataset=small", setting, "check_only=true"]
    code, _, error, _ = refused(start, *arguments)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "replaced", "text", "code", "message"),
    [
        (
            "features/quadratic.py",
            "return read_numbers(",
            "return int(",
            1,
            "; see Quadratic.read in mine/features/quadratic.py, line 11; the traceb",
        ),
        (
            "features/quadratic.py",
            "return {",
            "values = {",
            1,
            "; a plugin may be wrong: mine/features/quadratic.py, mine/heads/shifted",
        ),
        (
            "heads/shifted.py",
            "def connect(self, logits, tasks):",
            "def check(self, tasks):",
            2,
            ": NameError: name 'logits' is not defined; see Shifted.check in mine/hea",
        ),
        (
            "heads/shifted.py",
            "def connect(self, logits, tasks):",
            "def outputs(self, tasks):\n        return\n",
            2,
            "object is not iterable; a plugin may be wrong: mine/features/quadratic.py",
        ),
    ],
    ids=["raises", "returns", "check raises", "check returns"],
)
def test_plugin_that_causes_an_error_is_named(
    start: Path, file: str, replaced: str, text: str, code: int, message: str
) -> None:
    write(start / "mine", {file: FILES[file].replace(replaced, text)})
    settings = ["dataset=small", "model.heads=shifted", "+model.shift=1"]
    settings += ["dataset.features.age={kind: quadratic}", "check_only=true"]
    exit_code, _, error, _ = refused(start, "--plugins", "mine", *settings)
    assert exit_code == code
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("names", [[], ["train", "dev"]])
def test_generator_of_wrong_tables_is_named(start: Path, names: list[str]) -> None:
    code = f"""
import pyarrow as pa
from mtl_cli.data.dataset import Dataset
class Rows(Dataset):
    generator: str
    def generate(self):
        return dict.fromkeys({names}, pa.table({{'x': [0.0, 1.0], 'y': [0, 1]}}))
"""
    keys = """
name: rows
generator: rows
train: generated
features: {x: {kind: dense}}
tasks: {y: {label: y, kind: binary}}
"""
    files = {"generators/rows.py": code, "conf/dataset/rows.yaml": keys}
    write(start / "mine", files)
    settings = ["dataset=rows", "check_only=true"]
    _, _, error, _ = refused(start, "--plugins", "mine", *settings)
    assert f"generate returned the tables {names}; expected train, and perh" in error
    assert "a plugin may be wrong: mine/generators/rows.py" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("method", ["start(self, run, values)", "check_secrets(self)"])
def test_method_of_a_tracker_that_raises_an_error_is_named(
    start: Path, method: str
) -> None:
    failing = f"def {method}:\n        1 / 0"
    text = TRACKER.replace("def start(self, run, values):", failing)
    write(start / "mine", {"trackers/lines.py": text})
    code, _, error, _ = refused(
        start, "--plugins", "mine", "dataset=small", "tracker=lines"
    )
    assert code == 2
    name = method.partition("(")[0]
    assert f"; see Lines.{name} in mine/trackers/lines.py, line 12" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("code", "exit_code", "problem"),
    [
        ("1 / 0", 1, "ZeroDivisionError: division by zero"),
        (
            "open('ids')",
            2,
            "ids: No such file or directory; mend that, or name another",
        ),
    ],
)
def test_commands_name_the_line_of_a_plugin_that_raises_an_error(
    start: Path,
    capfd: pytest.CaptureFixture[str],
    code: str,
    exit_code: int,
    problem: str,
) -> None:
    write(
        start / "mine", {"models/scaled.py": MODEL + f"    def check(self): {code}\n"}
    )
    plugins.use_folders([start / "mine"])
    scaled: Any = option_class("models", "scaled", Sharing)
    assert run_command("mtl-some", lambda: scaled.check(None)) == exit_code
    file = start / "mine" / "models" / "scaled.py"
    error = capfd.readouterr().err
    assert error.startswith(f"mtl-some: error: {problem}")
    assert error.endswith(f"; see Scaled.check in {file}, line 11\n")
    loaded = pytest.raises(DataError, match=r"run cannot be loaded: .*; see Scaled\.")
    with loaded, saved_model.named_model_damage(Path("run")):
        scaled.check(None)


@pytest.mark.slow
def test_kind_of_several_predictions_ends_its_run_even_if_its_plots_fail(
    start: Path,
) -> None:
    arguments = ["--plugins", "mine", *QUICK]
    arguments += ["dataset.tasks.visits={kind: quantiles, label: hour}"]
    for name, end in {"good": "", "undrawn": FAILING_PLOTS}.items():
        write(start / "mine", {"tasks/quantiles.py": QUANTILES + end})
        told = mtl_train(start, *arguments, f"hydra.run.dir={name}")
        assert (told.returncode, told.stderr) == (0, "")
        status = json.loads((start / name / "status.json").read_text())
        assert status["status"] == "done"
        assert (start / name / "report.html").exists()
        warning = (
            "warning: the run has no plots of visits: IndexError: one too far; the "
            "model and the scores are complete; the traceback is in its train.log"
        )
        assert (warning in " ".join(told.stdout.split())) == bool(end)


def test_broken_file_of_our_own_is_not_called_a_plugin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> None:
        raise ImportError(f"broken {name}")

    own = plugins.OptionSource(
        "mtl_cli.models.ple", lambda: fail("ple"), is_plugin=False
    )
    monkeypatch.setattr(option_classes, "sources", lambda axis: {"ple": own})
    with pytest.raises(ImportError, match="broken ple"):
        option_classes.option_class("models", "ple", Sharing)
    assert not any(source.is_plugin for source in plugins.sources("models").values())


def test_first_of_two_packages_with_one_name_gives_the_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n"
    for folder, option in (("first", "other"), ("second", "shadowed")):
        points = f"[mtl_cli.models]\n{option} = shop.model\n"
        files = {"METADATA": text, "entry_points.txt": points}
        write(tmp_path / folder / "shop-1.0.dist-info", files)
    monkeypatch.syspath_prepend(str(tmp_path / "second"))
    assert "shadowed" in option_names("models")
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    assert "shadowed" not in option_names("models")


def test_name_of_another_plugin_is_refused(start: Path) -> None:
    write(start / "other", {"models/scaled.py": MODEL})
    with pytest.raises(ConfigError, match=r"the name 'scaled' belongs to .*scaled\.py"):
        plugins.use_folders([start / "mine", start / "other"])


def test_config_name_of_another_plugin_is_refused(start: Path) -> None:
    write(start / "other", {"conf/model/scaled.yaml": "name: ple\n"})
    with pytest.raises(ConfigError) as failed:
        plugins.use_folders([start / "mine", start / "other"])
    assert str(failed.value) == (
        f"{start}/other/conf/model/scaled.yaml: {start}/mine/conf has a config of this "
        "name; rename the file"
    )


def test_hash_of_a_folder_covers_its_own_files_and_their_names(start: Path) -> None:
    folder = start / "mine"
    plugins.use_folders([folder])
    option = option_class("models", "scaled", Sharing).model_construct()

    def code_hash() -> str:
        return code_hashes([option])["models.scaled"]

    first = code_hash()
    write(folder, {"venv/pyvenv.cfg": "", "venv/x.py": "x = 1", ".git/x.py": "x = 1"})
    (folder / "gone.py").symlink_to("missing.py")
    assert code_hash() == first
    write(folder, {"a.py": "x = 1\n", "b.py": "y = 2\n"})
    second = code_hash()
    write(folder, {"a.py": "x = 1\ny = 2\n", "b.py": ""})
    assert len({first, second, code_hash()}) == 3


def test_changed_file_of_a_folder_is_imported_again(start: Path) -> None:
    def keys() -> list[str]:
        return list(option_class("models", "scaled", Sharing).model_fields)

    plugins.use_folders([start / "mine"])
    assert "factor" in keys()
    write(start / "mine", {"models/scaled.py": MODEL.replace("factor", "divisor")})
    plugins.use_folders([start / "mine"])
    assert "divisor" in keys()
    write(start / "mine", {"models/scaled.py": MODEL})
    with pytest.raises(DataError):
        mtl_cli.load(start)
    assert "factor" in keys()


REFUSED = {
    "models/ple.py": "the name 'ple' belongs to mtl_cli.models.ple already",
    "conf/model/ple.yaml": "mtl-cli has a config of this name; rename the file",
}


@pytest.mark.parametrize("name", REFUSED)
def test_folder_with_a_name_of_our_own_is_refused_and_earlier_folders_stay(
    start: Path, name: str
) -> None:
    plugins.use_folders([start / "mine"])
    modules = set(sys.modules)
    write(start / "refused", {name: ""})
    with pytest.raises(ConfigError) as failed:
        plugins.use_folders([start / "refused"])
    message = f"{start / 'refused' / name}: {REFUSED[name]}"
    assert str(failed.value).startswith(message)
    assert "\n" not in str(failed.value)
    assert plugins.used_folders() == [str(start / "mine")]
    assert "scaled" in option_names("models")
    assert set(sys.modules) == modules


def test_class_with_two_names_is_one_option(start: Path) -> None:
    write(start / "mine", {"models/scaled.py": f"{MODEL}\nOldName = Scaled\n"})
    plugins.use_folders([start / "mine"])
    assert option_class("models", "scaled", Sharing).__name__ == "Scaled"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError: "),
        pytest.param(
            "import sys; sys.exit(0)",
            "cannot be imported: SystemExit: 0",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            MODEL.replace("share(", "shares("),
            "Scaled lacks share; add each, see Shar",
            marks=pytest.mark.slow,
        ),
        ("x = 1", "holds 0 subclasses of Sharing; expected one"),
        pytest.param(
            f"{MODEL}\nclass Twin(Sharing): ...",
            "holds 2 subclasses of Sharing",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_file_without_one_option_is_refused(
    start: Path, text: str, message: str
) -> None:
    write(start / "mine", {"models/scaled.py": text})
    settings = ["model=scaled", "dataset=small", "check_only=true"]
    code, _, error, _ = refused(start, "--plugins", "mine", *settings)
    path = start / "mine" / "models" / "scaled.py"
    assert code == 2
    assert error.startswith(f"mtl-train: error: {path}: {message}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("nowhere", "--plugins: there is no folder nowhere"),
        (
            "conf/dataset",
            "--plugins: there is no folder conf/dataset with options; exp",
        ),
    ],
)
def test_folder_without_options_is_refused(
    start: Path, folder: str, message: str
) -> None:
    code, _, error, _ = refused(start, f"--plugins={folder}", "check_only=true")
    assert code == 2
    assert error.startswith(f"mtl-train: error: {message}")


def test_flag_without_folder_is_refused(start: Path) -> None:
    code, _, error, _ = refused(start, "check_only=true", "--plugins")
    assert code == 2
    assert "argument --plugins: expected one argument" in error


@pytest.mark.slow
def test_help_lists_plugins_and_the_flag(start: Path) -> None:
    code, out, _, loaded = refused(start, "--plugins", "mine", "--help")
    assert (code, loaded) == (0, False)
    assert "scaled" in out
    assert "--plugins FOLDER" in out
    assert "scaled" not in refused(start, "--help")[1]


@pytest.mark.slow
def test_key_of_own_gates_needs_a_plus_and_the_message_says_so(start: Path) -> None:
    gates = """
        from mtl_cli.gates.base import Gate

        class Sharp(Gate):
            sharpness: float = 1.0

            def layer(self, num, num_experts, **kwargs):
                from mtl_cli.layers import Gates

                return Gates(num, num_experts, **kwargs)
    """
    write(start / "mine", {"gates/sharp.py": gates})
    settings = ["--plugins=mine", "dataset=small", "model=mmoe", "model.gate=sharp"]
    settings.append("check_only=true")
    code, _, error, _ = refused(start, *settings, "model.sharpness=2")
    assert code == 2
    assert error.endswith("or write +model.sharpness=VALUE\n")
    told = mtl_train(start, *settings, "+model.sharpness=2")
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.slow
def test_missing_key_of_own_heads_is_not_sought_in_the_model(start: Path) -> None:
    settings = ["dataset=small", "model=ple", "model.heads=shifted", "check_only=true"]
    code, _, error, _ = refused(start, "--plugins=mine", *settings)
    assert code == 2
    assert error.endswith("add it to the YAML file, or write +model.shift=VALUE\n")


@pytest.mark.parametrize(
    ("default", "message"),
    [
        ("tuple[int, ...] = (1, 2)", "model.factor: [1, 2] should be a valid tuple; "),
        ('float = float("inf")', "model.factor: inf cannot be saved; give a finite "),
    ],
    ids=["tuple", "inf"],
)
def test_default_that_no_saved_model_holds_is_refused_before_training(
    start: Path, default: str, message: str
) -> None:
    model = MODEL.replace("factor: float", f"factor: {default}")
    yaml = "name: scaled\nheads: independent\n"
    write(start / "mine", {"models/scaled.py": model, "conf/model/scaled.yaml": yaml})
    code, _, error, _ = refused(
        start, "--plugins=mine", "dataset=small", "model=scaled"
    )
    assert code == 2
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("axis", plugins.AXES)
def test_names_of_our_own_options_are_words(axis: str) -> None:
    for name in option_names(axis):
        assert name.isidentifier()
        assert not name.startswith("_")
