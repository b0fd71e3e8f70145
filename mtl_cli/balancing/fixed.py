"""The balancing method `fixed`: every task keeps the weight of the data set's YAML."""

from mtl_cli.balancing.base import Balancing


class Fixed(Balancing):
    """Each step lowers `sum_t omega_t L_t`; the method adds no weights of its own.

    L_t is the loss of task t, and omega_t is the key `dataset.tasks.TASK.weight`. In
    three studies, well-chosen fixed weights are at least as good as all other methods:
    Xin et al., NeurIPS 2022; Kurin et al., NeurIPS 2022; Royer et al., NeurIPS 2023.
    """
