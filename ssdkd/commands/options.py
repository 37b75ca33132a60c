"""Options that several commands share."""

import argparse

from ssdkd.config.names import complete_config, parts


class KeyValues(argparse.Action):
    """Collects ``KEY=VALUE ...`` in a dict; mmengine's ``DictAction``, imported when needed."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: list[str],
        option_string: str | None = None,
    ) -> None:
        for value in values:
            if '=' not in value:
                parser.error(
                    f"{option_string}: '{value}' is not KEY=VALUE; arguments that are no "
                    f'options go before {option_string}'
                )
        from mmengine.config import DictAction

        action = DictAction(self.option_strings, self.dest)
        action(parser, namespace, values, option_string)


def key_values(arguments: list[str]) -> dict:
    """``['KEY=VALUE', ...]`` as a dict, for a command that also keeps them as they are."""
    parser = argparse.ArgumentParser()
    parser.add_argument('values', nargs='*', action=KeyValues, default={})
    return parser.parse_args(arguments).values


def add_role(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--role',
        default='student',
        help='which network of the config, such as a second student of a plugin (default: '
        'student)',
    )


def add_config(
    parser: argparse.ArgumentParser,
    what: str = 'config of the distillation',
    composed: bool = True,
) -> None:
    """``CONFIG``, a path or a name, and what composes one from a pair.

    Args:
        parser: The command's parser.
        what: What the config is of.
        composed: Whether a pair may stand there, with ``--method`` and ``--budget``.
    """
    argument = parser.add_argument(
        'config',
        help=f"{what}: a file, or a name that 'ssdkd list configs' prints"
        + ', or a pair of networks' * composed,
    )
    argument.completer = complete_config  # for argcomplete
    if composed:
        parser.add_argument(
            '--method',
            help=f'for a pair: {", ".join(parts("methods"))}, or a file (default: ssdkd)',
        )
        parser.add_argument(
            '--budget',
            help=f'for a pair: {", ".join(parts("schedules"))}, or a file (default: the '
            "pair's own)",
        )


def add_cfg_options(
    parser: argparse.ArgumentParser,
    text: str = 'change config values, such as train_cfg.max_rounds=20',
) -> None:
    """``--cfg-options KEY=VALUE ...``."""
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValues, metavar='KEY=VALUE', help=text
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """``--work-dir``, ``--seed`` and ``--launcher``, for the commands that train."""
    parser.add_argument(
        '--work-dir', help='where logs and checkpoints go (default: work_dirs/<config name>)'
    )
    parser.add_argument('--seed', type=int, help="random seed (default: the config's)")
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what has started the processes (default: none, one process)',
    )
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS
    )


def add_image_size(parser: argparse.ArgumentParser, of: str = '') -> None:
    """``--image-size PIXELS [PIXELS]``."""
    parser.add_argument(
        '--image-size',
        nargs='+',
        type=int,
        metavar='PIXELS',
        help=f'side, or height and width{of} (default: the size of the synthetic images)',
    )
