"""The training of a classifier with labels: precision and memory format."""

import pytest
import torch

from ssdkd.errors import ConfigError
from ssdkd.models import Classifier

NETWORK = dict(type='Network', model=dict(type='CifarResNet', depth=8, groups=4))


def losses(**kwargs):
    torch.manual_seed(0)
    classifier = Classifier(NETWORK, **kwargs)
    images, labels = torch.rand(8, 3, 16, 16), torch.arange(8)
    loss = classifier(images, labels, mode='loss')['loss']
    loss.backward()
    return classifier, loss


def test_bfloat16_is_close_and_not_the_same():
    (_, exact), (classifier, mixed) = losses(), losses(autocast='bfloat16')
    assert mixed.dtype == torch.float32 and mixed != exact
    torch.testing.assert_close(mixed, exact, rtol=0.05, atol=0.05)
    (answer,) = classifier(torch.rand(2, 3, 16, 16), mode='predict')
    assert answer['logits'].dtype == torch.float32


def test_channels_last():
    (_, expected), (classifier, loss) = losses(), losses(channels_last=True)
    torch.testing.assert_close(loss, expected)
    weight = classifier.network.model.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    'key, value, message',
    [
        ('autocast', 'float16', "model.autocast='float16' must be None, 'bfloat16' or 'auto'"),
        ('channels_last', 1, 'model.channels_last=1 must be True or False'),
    ],
)
def test_wrong_values(key, value, message):
    with pytest.raises(ConfigError, match=message):
        Classifier(NETWORK, **{key: value})
