"""A network under evaluation: what mmengine's test loop gets from it."""

import numpy as np
import pytest
import torch

from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS

MEAN, STD = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
NETWORK = dict(
    model=dict(
        type='module', path='torch.nn.Conv2d', in_channels=3, out_channels=4, kernel_size=1
    ),
    mean=MEAN,
    std=STD,
)


def predictor(task='Segmentation', network=NETWORK):
    cfg = dict(type='Predictor', network=network, task=dict(type=task, num_classes=4))
    return MODELS.build(cfg).eval()


def logits_by_hand(model, rgb):
    """A 1x1 convolution of the normalised pixels [H, W, 3] in 0 ... 255 -> [K, H, W]."""
    x = (rgb.astype(np.float64) / 255 - MEAN) / STD
    weight = model.network.model.weight.detach().double().numpy()[:, :, 0, 0]
    bias = model.network.model.bias.detach().double().numpy()
    return (x @ weight.T + bias).transpose(2, 0, 1)


@pytest.mark.parametrize('as_bytes', [True, False])
def test_logits_against_numpy(as_bytes):
    model = predictor()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    logits = model(images if as_bytes else images / 255)
    assert not logits.requires_grad
    np.testing.assert_allclose(logits[0], logits_by_hand(model, pixels), rtol=1e-4, atol=1e-5)


def test_test_step_takes_what_mmseg_loads():
    """BGR bytes, as mmseg's pipelines pack them."""
    structures = pytest.importorskip('mmseg.structures')
    model = predictor()
    rgb = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    sample = structures.SegDataSample(metainfo=dict(ori_shape=(6, 8), img_shape=(6, 8)))
    bgr = torch.from_numpy(rgb[..., ::-1].copy()).permute(2, 0, 1)
    [predicted] = model.test_step(dict(inputs=[bgr], data_samples=[sample]))
    labels = logits_by_hand(model, rgb).argmax(0)
    assert len(np.unique(labels)) > 1
    np.testing.assert_array_equal(predicted.pred_sem_seg.data[0], labels)


def test_classification():
    network = dict(model=dict(type='CifarResNet', depth=8, num_classes=4))
    model = predictor('Classification', network)
    images = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    [prediction] = model(images, [0, 1, 2], mode='predict')
    with torch.no_grad():
        expected = model.network.model(images / 255)
    torch.testing.assert_close(prediction['logits'], expected)


def test_weights_survive_the_runner(tmp_path):
    """mmengine calls init_weights before a test; the network is trained."""
    model = predictor()
    torch.save(model.network.model.state_dict(), tmp_path / 'network.pth')
    trained = predictor(network=dict(NETWORK, checkpoint=str(tmp_path / 'network.pth')))
    trained.init_weights()
    assert torch.equal(trained.network.model.weight, model.network.model.weight)
    missing = dict(NETWORK, checkpoint='no/such.pth')
    with pytest.raises(ConfigError, match="no file 'no/such.pth'"):
        predictor(network=missing)
