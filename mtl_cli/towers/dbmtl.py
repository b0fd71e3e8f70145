"""DBMTL: the tower of a task also reads vectors from the towers of parent tasks."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

from pydantic import Field

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.message_text import unknown_name_message
from mtl_cli.core.options import NonEmptyUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.towers.base import Specs, Towers


class DBMTL(Towers):
    """Towers connected along an acyclic graph of tasks, from parents to children.

    The paper models the labels of a row with the encoding x by

        p(all labels | x) = prod_t p(label of task t | labels of t's parents, x)

    Instead of a parent's label, the tower of a task reads a vector r_p of the tower of
    each parent p:

        c_t = hidden layers of the tower of task t (z_t)
        r_t = relation network of task t ([c_t; r_p for each parent p of t])
        y_t = W_t r_t + b_t

    z_t is the hidden vector of task t, [a; b] the vector a followed by b, and y_t the
    logits.

    Attributes:
        parents: the parents of each task, as in `{buy: [click]}`. A task that is not
            named has no parents. null makes each task the parent of the next task.
        relation_units: widths of the layers of each task's relation network.

    Reference: Wang et al., 2019, see `models/dbmtl.py`.
    """

    parents: dict[str, list[str]] | None = None
    relation_units: NonEmptyUnits = Field(default_factory=lambda: [32])

    def parents_of(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """Returns {task: its parents}."""
        if self.parents is not None:
            return {name: self.parents.get(name, []) for name in tasks}
        no_parents: dict[str, list[str]] = {tasks[0]: []}
        return no_parents | {child: [parent] for parent, child in pairwise(tasks)}

    def check(self, towers: Specs) -> None:
        tasks = [tower.task for tower in towers]
        for child, parents in (self.parents or {}).items():
            for name in (child, *parents):
                if name not in tasks:
                    message = unknown_name_message("task", name, "this run", tasks)
                    raise ValueError(f"model.parents: {message}")
            if len(set(parents)) < len(parents):
                raise ValueError(f"model.parents: {child} names a parent twice")
        try:
            TopologicalSorter(self.parents_of(tasks)).prepare()
        except CycleError as error:
            cycle = " -> ".join(error.args[1])  # each task is a parent of the next
            raise ValueError(
                f"model.parents: the tasks {cycle} form a cycle, from parent to child; "
                "remove a parent"
            ) from None

    def connect(
        self, hidden: Tensor, towers: Specs, encodings: Encodings, **dense_options: Any
    ) -> list[Tensor]:
        from keras import ops

        from mtl_cli.layers import ParallelMLP
        from mtl_cli.layers.towers import (
            connect_by_widths,
            connect_logits,
            layer_name,
            select_tasks,
        )

        def connect_hidden(units: Sequence[int], tasks: Sequence[int]) -> Tensor:
            name = layer_name(tasks)
            mlp = ParallelMLP(len(tasks), units, name=name, **dense_options)
            return mlp(select_tasks(hidden, tasks))

        # c_t of each task, (batch, units)
        c = connect_by_widths([tower.units for tower in towers], connect_hidden)
        names = [tower.task for tower in towers]
        r = self._connect_relations(names, c, **dense_options)
        return connect_logits(
            ops.stack(r),  # (T, batch, units)
            [tower.num_logits for tower in towers],
            encodings.num_members,
            **dense_options,
        )

    def _connect_relations(
        self, names: Sequence[str], c: Sequence[Tensor], **dense_options: Any
    ) -> list[Tensor]:
        """Connects r_t of each task, `(batch, units)`, parents before children."""
        from keras import ops

        parents = self.parents_of(names)
        r: dict[str, Tensor] = {}  # r_t by task
        graph = TopologicalSorter(parents)
        graph.prepare()
        # In each round, connect the tasks whose parents are all connected.
        while ready := graph.get_ready():
            tasks = sorted(map(names.index, ready))
            inputs = [
                ops.concatenate([c[t], *(r[p] for p in parents[names[t]])], axis=-1)
                for t in tasks
            ]
            outputs = self._connect_round(tasks, inputs, **dense_options)
            r |= {names[t]: r_t for t, r_t in zip(tasks, outputs, strict=True)}
            graph.done(*ready)
        return [r[name] for name in names]

    def _connect_round(
        self, tasks: Sequence[int], inputs: Sequence[Tensor], **dense_options: Any
    ) -> list[Tensor]:
        """Connects the relation networks of tasks that do not depend on each other.

        Relation networks with inputs of the same width are computed side by side.
        """
        from keras import ops

        from mtl_cli.layers import ParallelMLP
        from mtl_cli.layers.towers import connect_by_widths, layer_name

        def connect_equal_inputs(_: Sequence[int], positions: Sequence[int]) -> Tensor:
            name = layer_name([tasks[i] for i in positions], "relation")
            relation = ParallelMLP(
                len(positions), self.relation_units, name=name, **dense_options
            )
            return relation(ops.stack([inputs[i] for i in positions]))

        input_widths = [(x.shape[-1],) for x in inputs]
        return connect_by_widths(input_widths, connect_equal_inputs)
