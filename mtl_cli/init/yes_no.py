"""Recognizes columns whose values say yes or no, in one of many languages."""

import re
from collections import Counter, defaultdict
from itertools import chain

from mtl_cli.init.column_profile import ColumnProfile

# The words for yes and the words for no in lower case, one line per language. The word
# s is left out, because S and N may be south and north; o, for oui, is left out too.
YES_AND_NO_WORDS = [
    ("1 true yes y t positive", "-1 0 false no n f negative"),
    ("ja j wahr", "nein n falsch nee nej nei"),  # also Dutch and Scandinavian
    ("oui vrai", "non faux"),
    ("si sí sì verdadero vero", "no falso"),  # Spanish and Italian
    ("sim verdadeiro", "não nao falso"),
    ("tak", "nie"),
    ("ano", "ne"),
    ("igen", "nem"),
    ("evet", "hay\u0131r hayir"),
    ("да", "нет"),
    ("так", "ні"),
    ("是", "否"),
    ("はい", "いいえ"),
    ("예", "아니요 아니오"),
    ("نعم", "لا"),
    ("हाँ", "नहीं"),
]
ANSWERS = [(set(yes.split()), set(no.split())) for yes, no in YES_AND_NO_WORDS]
YES_WORDS = set().union(*(yes for yes, _ in ANSWERS))
# At most this share of the cells of a yes/no column say neither yes nor no.
MAX_UNEXPECTED_SHARE = 0.05


def are_yes_and_no(texts: list[str]) -> bool:
    """Whether each text says yes or no, all in one language, and both answers occur."""
    found = {text.lower() for text in texts}
    return any(found & yes and found & no and found <= yes | no for yes, no in ANSWERS)


def yes_no_values(
    column: ColumnProfile,
) -> tuple[list[str], list[str], list[str]] | None:
    """Returns the values for yes, for no, and for neither; None for another column.

    The cells that say neither yes nor no are at most `MAX_UNEXPECTED_SHARE` of the
    cells, and rarer than each answer. Values that differ only in spelling are one
    answer: `1.0` and `1`, `Yes` and `yes`, or `True` and `1`.
    """
    values_by_answer: defaultdict[str, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for value, count in column.most_frequent().items():
        answer = re.sub(r"^(-?[0-9]+)\.0*$", r"\1", value).lower()
        answer = {"true": "1", "false": "0"}.get(answer, answer)
        values_by_answer[answer].append(value)
        counts[answer] += count
    if len(counts) < 2:
        return None
    (frequent, _), (rarer, rarer_count) = counts.most_common(2)
    num_unexpected = column.num_filled - counts[frequent] - rarer_count
    max_unexpected = min(MAX_UNEXPECTED_SHARE * column.num_filled, rarer_count - 1)
    if num_unexpected > max_unexpected or not are_yes_and_no([frequent, rarer]):
        return None
    yes, no = (frequent, rarer) if frequent in YES_WORDS else (rarer, frequent)
    yes_values, no_values = values_by_answer.pop(yes), values_by_answer.pop(no)
    return yes_values, no_values, list(chain.from_iterable(values_by_answer.values()))
