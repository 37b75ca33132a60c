"""What a message says of an error inside a user's own code."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ssdkd.errors import ConfigError

# Frames of these are not the user's.
LIBRARIES = (str(Path(__file__).parent), str(Path(torch.__file__).parent))


def describe_error(error: Exception) -> str:
    """Type, text and place of an error, in one line.

    The place is the innermost line outside of ssdkd, torch and other installed packages, and
    otherwise the innermost line outside of ssdkd and torch.

    Args:
        error (Exception): The error, as it was caught.
    """
    text = ' '.join(str(error).split())
    said = f'{type(error).__name__}: {text}' if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    outside = [f for f in frames if not f.filename.startswith(LIBRARIES)]
    own = [f for f in outside if 'site-packages' not in f.filename] or outside
    if not own:
        return said
    line = f': {own[-1].line}' if own[-1].line else ''
    return f'{said} (in {Path(own[-1].filename).name}, line {own[-1].lineno}{line})'


@contextmanager
def failing_as(what: str) -> Iterator[None]:
    """Say what failed where a user's own code raises inside.

    Args:
        what (str): The message up to the error, such as ``'its forward fails'``.

    Raises:
        ConfigError: ``what``, and :func:`describe_error`; one that was raised inside stays.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f'{what} with {describe_error(error)}') from error
