"""Restricts the words that the completion of a shell offers.

Bash expands the words that a completion offers. If a folder of configurations holds a
file `$(COMMAND).yaml`, its name would run the command when the user presses the Tab
key. The folder may come from someone else.
"""

import re

from mtl_cli.cli.hydra_internals import wrap_completion
from mtl_cli.core.secrets import mask_secrets

# A word of these characters is plain text to every shell.
PLAIN_WORD = re.compile(r"[\w.,:/+@=%~-]+")


def offer_plain_words_only() -> None:
    """Makes Hydra's completion leave out words that a shell expands, and secrets.

    The change is for the whole process.
    """
    wrap_completion(lambda words: list(filter(is_plain, words)))


def is_plain(word: str) -> bool:
    """Whether a word is plain text to every shell, and shows no secret."""
    return bool(PLAIN_WORD.fullmatch(word)) and mask_secrets(word) == word
