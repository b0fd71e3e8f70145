"""The balancing method `fixed`: every task keeps the weight of the data set's YAML."""

from mtl_cli.balancing.base import Balancing


class Fixed(Balancing):
    """Every w_t is 1. The step minimises `sum_t omega_t L_t`.

    Well-chosen fixed weights are level with or ahead of the other methods in three
    independent studies: Xin et al., "Do Current Multi-Task Optimization Methods in Deep
    Learning Even Help?", NeurIPS 2022; Kurin et al., "In Defense of the Unitary
    Scalarization for Deep Multi-Task Learning", NeurIPS 2022; Royer et al.,
    "Scalarization for Multi-Task and Multi-Domain Learning at Scale", NeurIPS 2023.
    """
