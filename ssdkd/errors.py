"""The exception for errors that the user can fix, and hints for its text."""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """A config value that cannot work.

    The message is one line that names the config key, its value and the remedy.
    The commands print it without a traceback and exit with status 2.
    """


def nearest(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """The end of an error message: the known words nearest to ``word``.

    Args:
        word: What was given.
        known: What could be given.
        otherwise: What to say if no known word is near. Defaults to all known words.
    """
    known = list(known)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        best = difflib.SequenceMatcher(None, close[0], word).ratio()
        # Names with a long common beginning are all similar.
        close = difflib.get_close_matches(word, close, n=3, cutoff=best - 0.1)
        return f'; did you mean {" or ".join(close)}?'
    if otherwise is not None:
        return f'; {otherwise}'
    return f'; known are {", ".join(known)}' if known else '; it takes no keys'
