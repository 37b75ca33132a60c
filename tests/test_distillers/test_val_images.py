"""Labelled images of another size than the synthetic ones."""

from logging import INFO, WARNING

import pytest
import torch
from torch import nn

from ssdkd.distillers.val_images import check_image_size
from ssdkd.errors import ConfigError
from ssdkd.models import Network
from ssdkd.tasks import BaseTask, Classification, Segmentation


def networks():
    torch.manual_seed(0)
    pooled = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    return dict(teacher=pooled.eval(), student=pooled)


def check(side: int, task: BaseTask | None = None, **more) -> list[tuple[int, str]]:
    dataset = [dict(inputs=torch.zeros(3, side, side, dtype=torch.uint8))]
    task = task or Classification(num_classes=4)
    return check_image_size(dataset, 'val_dataloader', networks() | more, (16, 16), task)


def test_the_same_size_runs_no_network():
    assert check(16, student=nn.Module()) == []


@pytest.mark.parametrize('side', [12, 16])
def test_other_channels(side):
    with pytest.raises(ConfigError) as caught:
        check(side, teacher=Network(nn.Flatten(), channels=1))
    assert str(caught.value) == (
        'val_dataloader: its images have 3 channels, but the teacher takes 1; set '
        'val_dataloader.dataset.channels=1'
    )


def test_another_size_is_named():
    ((level, line),) = check(12)
    assert level == WARNING
    assert line.startswith(
        'val_dataloader: its images have 12x12 pixels, and the synthetic ones 16x16. They are '
        'measured as they are'
    )


def test_whole_photos_of_a_segmentor_are_usual():
    ((level, _),) = check(12, task=Segmentation(num_classes=4))
    assert level == INFO


def test_a_network_that_cannot_take_it():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
    with pytest.raises(ConfigError) as caught:
        check(12, student=flat.train())
    assert 'the student cannot take them: its forward fails with ' in str(caught.value)
    assert str(caught.value).endswith('; resize them to 16x16') and flat.training


def test_nothing_in_the_networks_changes():
    network = networks()['student'].train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    check(12, student=network)
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_samples_of_another_form_are_not_looked_at():
    samples, task = [(torch.zeros(3, 8, 8), 1)], Classification(num_classes=4)
    assert check_image_size(samples, 'x', networks(), (16, 16), task) == []
