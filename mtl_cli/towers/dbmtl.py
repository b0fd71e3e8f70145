"""DBMTL: the tower of a task reads what the towers of its parent tasks have found."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any

from pydantic import Field

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.errors import unknown_name
from mtl_cli.core.options import SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import TowerOf, Towers


class DBMTL(Towers):
    """Towers along an acyclic graph of tasks.

        p(y_1, ..., y_T | x) = product over t of p(y_t | labels of the parents of t, x)

        h_t = tower of task t (z_t)
        r_t = relation network of task t ([h_t; r_p for each parent p of t])
        y_t = W_t r_t + b_t

    A parent passes on its hidden vector r_p, neither its label nor its logit.

    Reference: Wang et al., "Deep Bayesian Multi-Target Learning for Recommender
        Systems", 2019.
    """

    parents: Annotated[
        dict[str, list[str]] | None,
        Field(
            description="the parents of each task, as in `{buy: [click]}`; a task that "
            "is not named has none; null is a chain of all tasks, in order"
        ),
    ] = None
    relation_units: Annotated[
        SomeUnits, Field(description="widths of the relation network of each task")
    ] = Field(default_factory=lambda: [32])

    def parents_of(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """Returns the parents of each task."""
        if self.parents is None:
            return {
                name: list(tasks[max(0, i - 1) : i]) for i, name in enumerate(tasks)
            }
        return {name: self.parents.get(name, []) for name in tasks}

    def check(self, towers: Sequence[TowerOf]) -> None:
        tasks = [tower.task for tower in towers]
        for child, parents in (self.parents or {}).items():
            for name in (child, *parents):
                if name not in tasks:
                    message = unknown_name("task", name, "this run", tasks)
                    raise ValueError(f"model.parents: {message}")
            if len(set(parents)) < len(parents):
                raise ValueError(
                    f"model.parents: {child} names a parent twice; name each once"
                )
        try:
            TopologicalSorter(self.parents_of(tasks)).prepare()
        except CycleError as error:
            raise ValueError(
                f"model.parents: the tasks {' <- '.join(error.args[1])} form a cycle; "
                "remove a parent"
            ) from None

    def connect(
        self,
        hidden: Tensor,
        towers: Sequence[TowerOf],
        encodings: Encodings,
        **dense_options: Any,
    ) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers import ParallelMLP
        from mtl_cli.layers.towers import (
            alike,
            connect_hidden,
            connect_logits,
            layer_name,
        )

        tasks = [tower.task for tower in towers]
        parents = self.parents_of(tasks)
        h = connect_hidden(hidden, [t.units for t in towers], **dense_options)
        r: dict[str, Tensor] = {}
        graph = TopologicalSorter(parents)
        graph.prepare()
        while ready := graph.get_ready():  # the tasks whose parents have an r
            x = {}
            for t in sorted(map(tasks.index, ready)):
                of_parents = [r[parent] for parent in parents[tasks[t]]]
                x[t] = ops.concatenate([h[t], *of_parents], axis=-1)
            for _, members in alike([v.shape[-1] for v in x.values()]):
                group = [[*x][i] for i in members]
                relation = ParallelMLP(
                    len(group),
                    self.relation_units,
                    name=layer_name(group, "relation"),
                    **dense_options,
                )
                outputs = relation(ops.stack([x[t] for t in group]))
                r |= {tasks[t]: outputs[i] for i, t in enumerate(group)}
            graph.done(*ready)
        z = ops.stack([r[name] for name in tasks])  # r_t, (T, B, width)
        return connect_logits(z, [t.num_logits for t in towers], **dense_options)
