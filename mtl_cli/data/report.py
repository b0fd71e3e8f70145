"""What is odd about the data, though training can go on."""

from mtl_cli.config import Config
from mtl_cli.data.table import Table


def findings(config: Config, train: Table) -> list[str]:
    """Returns warnings about the training rows, each in one line."""
    found = []
    if config.model.heads == "esmm":
        click, conversion = config.funnel
        broken = (train.labels[conversion] == 1) & (train.labels[click] == 0)
        if broken.any():
            found.append(
                f"the labels break the funnel rule of esmm: {broken.sum():,} of "
                f"{int(train.labels[conversion].sum()):,} training rows with "
                f"{conversion} = 1 have {click} = 0, so that pCTCVR = pCTR x pCVR "
                "cannot fit both"
            )
    return found
