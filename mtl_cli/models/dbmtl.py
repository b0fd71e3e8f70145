"""DBMTL: a shared bottom network, and towers that read the towers of parent tasks."""

from mtl_cli.models.shared_bottom import SharedBottom


class DBMTL(SharedBottom):
    """All tasks read one bottom network f. The towers form an acyclic graph of tasks.

        z_t = f(x)                                           the same for all tasks
        c_t = hidden layers of the tower of task t (z_t)
        r_t = relation network of task t ([c_t; r_p for each parent p of t])
        y_t = W_t r_t + b_t

    `Sharing` explains x, z_t and y_t. The towers `dbmtl` compute c_t, r_t and y_t, see
    `mtl_cli/towers/dbmtl.py`. Any other scheme can have these towers too.

    Attributes:
        bottom_units: widths of the layers of the bottom network; if empty, f(x) = x.

    Reference: Wang et al., "Deep Bayesian Multi-Target Learning for Recommender
        Systems", 2019. The equations follow the paper's abstract and the code of the
        authors' company, EasyRec, not the whole paper.
    """
