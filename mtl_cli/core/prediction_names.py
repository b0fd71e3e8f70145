"""The names of the columns of predictions, as in `predictions.parquet`."""

ROW = "row"  # the number of a row in its file, from 1
SCENARIO = "scenario"  # the name of a row's scenario
GROUP = "group"  # the number of a row's group in the metric gauc; null without a group
PREDICTION_ENDING = "_prediction"
GIVEN = "_given_"  # between the tasks in a name such as `buy_given_click`


def prediction_name(output: str) -> str:
    return f"{output}{PREDICTION_ENDING}"


def weight_name(output: str) -> str:
    """The column of each row's weight in the metrics of an output."""
    return f"{output}_row_weight"


def spread_name(output: str) -> str:
    """The column of the standard deviation over the members of an ensemble."""
    return f"{output}_std"


def conditional_name(task: str, given: str) -> str:
    """Returns the name of the output p(task = 1 | given = 1), such as pCVR.

    >>> conditional_name("buy", given="click")
    'buy_given_click'
    """
    return f"{task}{GIVEN}{given}"


def label_of_output(name: str) -> str:
    """Returns the name of the column with an output's labels: the name of its task.

    >>> label_of_output("buy"), label_of_output("buy_given_click")
    ('buy', 'buy')
    """
    # Only the last "_given_" is cut, because the task may itself be called `a_given_b`.
    return name.rpartition(GIVEN)[0] or name
