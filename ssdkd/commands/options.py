"""Options that several commands share."""

import argparse
import ast
import re
from typing import Any

from ssdkd.config.names import complete_config, parts


class KeyValues(argparse.Action):
    """Collects ``KEY=VALUE ...`` in a dict; mmengine's ``DictAction``, imported when needed.

    Whole dicts, ``KEY={'a': 1}`` or ``KEY=dict(a=1)``, which mmengine takes for text, are read
    as Python writes them, also in lists.
    """

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
        for value in values:
            key, _, text = value.partition('=')
            if _holds_dict(text):
                try:
                    parsed = _evaluated(ast.parse(text.strip(), mode='eval').body)
                except (SyntaxError, ValueError):
                    parser.error(
                        f"{option_string}: '{value}' is no dict of Python; write "
                        f'{key}="{{\'a\': 1}}", with quotes around names, or {key}.a=1'
                    )
                if isinstance(parsed, tuple) and not text.lstrip().startswith('('):
                    parsed = list(parsed)  # without brackets, as mmengine reads it
            else:
                try:
                    action(parser, namespace, [value], option_string)
                    continue
                except (AssertionError, RecursionError):
                    parsed = text  # brackets that are no list, as in a path runs/a(1,2)
            known = getattr(namespace, self.dest, None) or {}
            setattr(namespace, self.dest, {**known, key: parsed})


def _holds_dict(text: str) -> bool:
    """Whether a value is a dict, or a list or tuple with one, with or without brackets."""
    text = text.strip()
    if text.startswith(('[', '(')):
        return '{' in text or 'dict(' in text
    return bool(re.search(r'(^|,)\s*(\{(?!\{)|dict\()', text))  # {{ }} is mmengine's


def _evaluated(node: ast.expr) -> Any:
    """The value of a Python literal, in which ``dict(a=1)`` stands for ``{'a': 1}``."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'dict' and not node.args:
        return {part.arg: _evaluated(part.value) for part in node.keywords}
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_evaluated, node.values), strict=True))
    if isinstance(node, ast.List | ast.Tuple):
        kind = list if isinstance(node, ast.List) else tuple
        return kind(map(_evaluated, node.elts))
    return ast.literal_eval(node)


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
