"""Restricts the words that the completion of a shell offers.

Bash expands the words that it completes from: a file `$(COMMAND).yaml` in a folder of
configurations would run the command when the user presses the Tab key. The folder may
come from someone else.
"""

import re

from mtl_cli.cli.hydra_internals import wrap_completion
from mtl_cli.core.secrets import mask_secrets

# No shell expands a word of these characters to something else than text.
PLAIN_WORD = re.compile(r"[\w.,:/+@=%~-]+")


def offer_plain_words_only() -> None:
    """Makes Hydra's completion leave out all words that are not plain.

    The change is for the whole process.
    """
    wrap_completion(lambda words: list(filter(is_plain, words)))


def is_plain(word: str) -> bool:
    """Whether no shell expands a word, and the word shows no secret."""
    return bool(PLAIN_WORD.fullmatch(word)) and mask_secrets(word) == word
