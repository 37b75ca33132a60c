"""Errors of distill() name its arguments."""

import inspect
import re

import pytest

from ssdkd.apis import distill
from ssdkd.apis.arguments import WORDS, in_arguments
from ssdkd.errors import ConfigError


def worded(text: str, **overrides: object) -> str:
    with pytest.raises(ConfigError) as caught, in_arguments(overrides):
        raise ConfigError(text)
    return str(caught.value)


@pytest.mark.parametrize(
    'said, expected',
    [
        ('model.teacher has 7 outputs, but model.task.num_classes=9; make them equal',
         'teacher has 7 outputs, but num_classes=9; make them equal'),
        ('model.student.output=5, but model.student returns a tuple; leave output out',
         'output=5, but student returns a tuple; leave output out'),
        ('it runs with 1 channel: set model.teacher.channels=1',
         'it runs with 1 channel: set channels=1'),
        ("generator: key 'image_size' is 7, and 7 is not from 8 on; use 8",
         'image_size=7, and 7 is not from 8 on; use 8'),
        ('train_cfg.max_rounds=1 must be greater than train_cfg.warmup_rounds=1',
         'budget=1 must be greater than train_cfg.warmup_rounds=1'),
        ('val_dataloader: its images are', 'val_loader: its images are'),
        ("--resume: 'a' holds another run than 'b'; choose another --work-dir",
         "resume: 'a' holds another run than 'b'; choose another work_dir"),
        ("use model.task=dict(type='BinaryClassification', num_classes=2) (task='binary' with "
         'num_classes=2 in distill())', "use task='binary' with num_classes=2"),
        ("use type='Classification' (task='classification' in distill()); for",
         "use task='classification'; for"),
        # No argument says these.
        ('model.buffer.capacity=8 is smaller than model.batch_size=16', None),
        ('model.teacher.model.depth=3 must be', None),
        ('model.student_two has 7 outputs', None),
    ],
)  # fmt: skip
def test_words(said, expected):
    assert worded(said) == (expected or said)


def test_what_was_given_as_a_key_keeps_its_name():
    said = 'train_cfg.max_rounds=1 must be greater'
    assert worded(said, **{'train_cfg.max_rounds': 1}) == said


def test_all_of_them_are_arguments():
    arguments = inspect.signature(distill).parameters
    for _, said in WORDS:
        name = said.removesuffix('=')
        assert name in arguments or re.fullmatch(r'\\1', name)
