"""Errors of distill() in the words of its arguments."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ssdkd.errors import ConfigError

# What an error may say of a config or a command -> the same of distill().
WORDS = (
    # such as "type='Classification' (task='classification' in distill())"
    (r"[\w.]+=(?:dict\([^()]*\)|'\w+') \(([^()]*) in distill\(\)\)", r'\1'),
    (r'model\.task\.num_classes', 'num_classes'),
    (r'model\.(?:teacher|student)\.(channels|mean|output|std)', r'\1'),
    (r'model\.(teacher|student)(?![.\w])', r'\1'),
    (r'model\.synthesizer\.generator\.image_size', 'image_size'),
    (r"generator: key 'image_size' is ", 'image_size='),
    (r'train_cfg\.max_rounds', 'budget'),
    (r'train_cfg\.minutes', 'minutes'),
    (r'randomness\.seed', 'seed'),
    (r'val_dataloader', 'val_loader'),
    (r'--work-dir', 'work_dir'),
    (r'--resume', 'resume'),
)


@contextmanager
def in_arguments(overrides: dict) -> Iterator[None]:
    """Let a ``ConfigError`` from inside name arguments of distill() instead of config keys.

    Args:
        overrides: Changes of the config by key, which keep their names.
    """
    try:
        yield
    except ConfigError as error:
        text = str(error)
        for found, said in WORDS:
            if not any(re.match(found, key) for key in overrides):
                text = re.sub(found, said, text)
        error.args = (text,)
        raise
