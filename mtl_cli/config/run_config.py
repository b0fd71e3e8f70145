"""The configuration of a run: its schema, and the rules that link its sections."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from mtl_cli.balancing.base import Balancing
from mtl_cli.balancing.fixed import Fixed
from mtl_cli.config.monitor import AUTO, MEAN, monitored_metrics
from mtl_cli.config.start_from import StartFrom
from mtl_cli.config.sweep_options import CompareOptions, SweepOptions
from mtl_cli.config.trainer import Length, Trainer
from mtl_cli.core.message_text import suggest, unknown_name_message
from mtl_cli.core.option_classes import option_validator
from mtl_cli.core.option_keys import ignored_keys_of_other_options
from mtl_cli.core.options import Count, Options, Seed
from mtl_cli.core.prediction_names import (
    GROUP,
    ROW,
    SCENARIO,
    prediction_name,
    spread_name,
    weight_name,
)
from mtl_cli.data.dataset import Dataset
from mtl_cli.encoders.base import Encoder
from mtl_cli.heads.base import Output
from mtl_cli.models.base import Sharing
from mtl_cli.optimizers.base import Optimizer
from mtl_cli.tasks.base import Task
from mtl_cli.trackers.base import Tracker
from mtl_cli.trackers.none import NoTracker


class Config(Options):
    """All keys of `mtl-train`.

    Attributes:
        seed: seed of the initial weights, the order of rows and dropout.
        tasks: tasks of the data set to train, in this order; null trains all of them.
        check_only: whether to read and check the data without training.
        resume: whether to resume an interrupted run of the same configuration, data and
            plugins. `auto` resumes such a run if it exists, `never` starts a new run,
            and `must` fails if no such run has a checkpoint.
        balancing: the method that combines the losses of the tasks in a training step.
        start_from: the earlier run to start from.
        ensemble: seeds of the runs whose predictions this model averages. Only
            `mtl-compare --ensemble` sets this key; in a run that trains, the list is
            empty.
        repeats: number of seeds with which a sweep runs each job: `seed`, `seed` + 1,
            and so on.
        compare: the twins that a sweep adds for each job, to compare the job with:
            models of single tasks or of single scenarios.
        sweep: the keys for running the jobs of a sweep on a machine. A run folder does
            not save the keys `sweep`, `repeats` and `compare`, because the results of a
            run do not depend on them.
        tracker: service that receives the results of the run, besides the run folder.
    """

    seed: Seed
    tasks: Annotated[list[str], Field(min_length=1)] | None
    check_only: bool
    resume: Literal["auto", "never", "must"]
    dataset: Annotated[
        SerializeAsAny[Dataset],
        option_validator("generators", Dataset, key="generator"),
    ]
    encoder: Annotated[SerializeAsAny[Encoder], option_validator("encoders", Encoder)]
    model: Annotated[SerializeAsAny[Sharing], option_validator("models", Sharing)]
    optimizer: Annotated[
        SerializeAsAny[Optimizer], option_validator("optimizers", Optimizer)
    ]
    balancing: Annotated[
        SerializeAsAny[Balancing], option_validator("balancing", Balancing)
    ] = Fixed(name="fixed")
    trainer: Trainer
    # Without an earlier run, this section is left out of the saved configuration and of
    # its hash.
    start_from: Annotated[
        StartFrom, Field(exclude_if=lambda start_from: start_from.run is None)
    ] = StartFrom()
    ensemble: Annotated[
        list[Seed], Field(default_factory=list, exclude_if=lambda seeds: not seeds)
    ]
    tracker: Annotated[
        SerializeAsAny[Tracker],
        option_validator("trackers", Tracker),
        Field(exclude=True),
    ] = NoTracker(name="none")
    repeats: Annotated[Count, Field(exclude=True)] = 1
    compare: Annotated[CompareOptions | None, Field(exclude=True)] = None
    sweep: Annotated[SweepOptions | None, Field(exclude=True)] = None

    @classmethod
    def read_saved(cls, values: Any) -> "Config":
        """Reads the configuration of an earlier run, perhaps of an earlier version.

        Keys of options that the run does not use may have any value.
        """
        with ignored_keys_of_other_options():
            return cls.model_validate(values)

    @model_validator(mode="after")
    def _check_rules_across_sections(self) -> "Config":
        if self.tasks is not None:
            self._check_tasks(self.tasks)
        self.model.check(list(self.chosen_tasks))
        self.model.heads_option.check(self.chosen_tasks)
        self.model.towers_option.check(self.model.tower_specs(self.chosen_tasks))
        self.balancing.check(list(self.chosen_tasks))
        if self.reads_scenario and self.dataset.scenario is None:
            raise ValueError(
                f"dataset.scenario: model={self.model.name} with towers "
                f"{self.model.towers} reads the scenario of a row; name the feature "
                "that holds the scenario"
            )
        if not self.dataset.has_validation:
            self._check_without_validation()
        self._check_names()
        self._check_monitor()
        self._check_features()
        return self

    def _check_without_validation(self) -> None:
        advice = (
            "needs validation rows; set dataset.valid_fraction above 0, dataset.valid "
            "to a file, or"
        )
        if self.trainer.patience is not None:
            raise ValueError(
                f"trainer.patience: early stopping {advice} trainer.patience=null"
            )
        if self.trainer.needs_calibration:
            raise ValueError(
                f"trainer.calibration: calibration {advice} trainer.calibration=none"
            )

    def _check_features(self) -> None:
        features_by_key = {
            "start_from.refit": self.start_from.refit,
            "encoder.domain_features": self.encoder.domain_features,
        }
        for option in (self.model, self.model.towers_option):
            for key, features in option.named_features().items():
                features_by_key[f"model.{key}"] = features
        names = list(self.dataset.used_features)
        for key, features in features_by_key.items():
            for name in features:
                if name not in names:
                    dataset = f"dataset {self.dataset.name}"
                    message = unknown_name_message("feature", name, dataset, names)
                    raise ValueError(f"{key}: {message}")

    def _check_tasks(self, tasks: list[str]) -> None:
        names = list(self.dataset.group_tasks)
        for task in tasks:
            if task not in names:
                dataset = f"dataset {self.dataset.name}"
                raise ValueError(
                    f"tasks: {unknown_name_message('task', task, dataset, names)}"
                )
        if len(set(tasks)) < len(tasks):
            raise ValueError(
                f"tasks: {', '.join(tasks)} names a task twice; name each task once"
            )

    def _check_names(self) -> None:
        """Refuses an output whose name has another meaning for a run."""
        outputs = [output.name for output in self.outputs]
        names = [ROW, AUTO, MEAN, *outputs]
        for output in outputs:
            names += [prediction_name(output), weight_name(output)]
        if self.dataset.scenario is not None:
            names.append(SCENARIO)
        if self.dataset.group_column is not None:
            names.append(GROUP)
        if self.predicts_spread:
            names += map(spread_name, outputs)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"dataset.tasks: the name {name!r} is taken: it is another output, "
                    "a column of the predictions, or a word of trainer.monitor; rename "
                    "the task"
                )

    def _check_monitor(self) -> None:
        task_or_mean, _, metric_name = self.trainer.monitor.partition(".")
        choices = [AUTO, MEAN, *self.chosen_tasks]
        if task_or_mean not in choices or (task_or_mean == AUTO and metric_name):
            raise ValueError(
                f"trainer.monitor: {self.trainer.monitor!r} should be one of "
                f"{', '.join(choices)}; all but auto may be followed by a metric, as "
                f"in mean.log_loss{suggest(task_or_mean, choices)}"
            )
        for output, name in monitored_metrics(self.trainer.monitor, self.outputs):
            task = output.task
            usable = [
                metric.name
                for metric in map(task.metric, task.metric_names)
                if metric.direction
                and (self.dataset.group_column or not metric.grouped)
            ]
            if name not in usable:
                fix = "choose from its metrics that have a best value: "
                fix += f"{', '.join(usable)}{suggest(name, usable)}"
                if not usable:
                    names = ", ".join(m.name for m in task.METRICS if m.direction)
                    fix = f"add one of {names} to dataset.tasks.{output.name}.metrics"
                raise ValueError(
                    f"trainer.monitor: task {output.name} cannot be monitored by "
                    f"{name!r}; {fix}"
                )

    @property
    def reads_scenario(self) -> bool:
        """Whether the network reads the scenario of a row."""
        return self.model.reads_scenario or self.model.towers_option.reads_scenario

    @property
    def chosen_tasks(self) -> dict[str, Task]:
        names = self.dataset.group_tasks if self.tasks is None else self.tasks
        return {name: self.dataset.tasks[name] for name in names}

    def training_length(self, num_rows: int) -> Length:
        return self.trainer.length(num_rows, self.optimizer.is_rate_constant)

    @property
    def outputs(self) -> list[Output]:
        """The outputs of the model: the tasks in order, then outputs that heads add."""
        return self.model.heads_option.outputs(self.chosen_tasks)

    @property
    def predicts_spread(self) -> bool:
        """Whether the model predicts the spread of each output over its members."""
        return self.model.members > 1 or bool(self.ensemble)

    @property
    def output_by_prediction(self) -> dict[str, Output]:
        """{name of a prediction: the output that is predicted}.

        If the model predicts spreads, an output has two predictions: value and spread.
        """
        outputs = {output.name: output for output in self.outputs}
        if not self.predicts_spread:
            return outputs
        return outputs | {spread_name(name): output for name, output in outputs.items()}
