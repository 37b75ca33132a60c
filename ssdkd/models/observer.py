"""Hooks that only look."""

from functools import partial


class Observer(partial):
    """A forward hook that only looks: ``functools.partial`` of a function that returns None.

    Before a layer it reads what the layer takes, after it the output and not the inputs. So it
    can be called with what was kept of a pass, where the layers themselves do not run.
    """
