"""The sub-commands of ``ssdkd``, a module each; ``tools/`` leads to the same functions.

A module has ``add_arguments(parser)`` and ``run(args)``, and its docstring is the help. Only
``run`` imports what is heavy, so that ``--help`` answers at once.
"""
