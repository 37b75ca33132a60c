"""The one exception that means 'the user can mend this'."""


class ConfigError(ValueError):
    """A config value that cannot work.

    The message is one line that names the config key, its value and the remedy.
    The tools print it without a traceback and exit with status 2.
    """
