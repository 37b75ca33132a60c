"""The one exception that means 'the user can mend this', and hints for its text."""

import difflib


class ConfigError(ValueError):
    """A config value that cannot work.

    The message is one line that names the config key, its value and the remedy.
    The commands print it without a traceback and exit with status 2.
    """


def nearest(word: str, known: list[str]) -> str:
    """The end of an error message: the known words nearest to ``word``, or all of them."""
    if not known:
        return '; it takes no keys'
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        return f'; did you mean {" or ".join(close)}?'
    return f'; known are {", ".join(known)}'
