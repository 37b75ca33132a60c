"""Patch-similarity loss against numpy and scipy, and the layers that it finds."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from scipy.integrate import trapezoid
from scipy.spatial.distance import cdist
from scipy.stats import norm
from timm.layers import GroupNormAct, LayerNorm2d, RmsNorm
from timm.models.mlp_mixer import MlpMixer
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from ssdkd.errors import ConfigError
from ssdkd.losses import InversionState, PatchSimilarityLoss, has_other_norms
from ssdkd.losses.inversion.patch_similarity import attention_layers, patch_tokens
from ssdkd.models import CifarResNet, Teacher
from ssdkd.tasks import Classification
from ssdkd.testing import check_loss

SIDE = 16
VIT = dict(img_size=SIDE, patch_size=4, embed_dim=8, depth=2, num_heads=2, num_classes=3)
SWIN = dict(
    img_size=SIDE,
    patch_size=2,
    window_size=4,
    embed_dim=8,
    depths=(2, 2),
    num_heads=(2, 2),
    num_classes=3,
)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def vit(name='vit_tiny_patch16_224', **kwargs):
    return varied(timm.create_model(name, **{**VIT, **kwargs}))


@torch.no_grad()
def varied(network):
    """Weights so large that the patches differ, as in a trained network."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=0.3)
    return network


def images(n=3, side=SIDE, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, side, side, generator=rng).requires_grad_()


def value(network, x=None, **kwargs) -> Tensor:
    x = images() if x is None else x
    teacher = Teacher(network, mean=[0.5], std=[0.5])
    loss = PatchSimilarityLoss(**kwargs)
    loss.attach(teacher)
    state = InversionState(x, torch.zeros(len(x)).long(), teacher(x), None, Classification(3))
    result = loss(state)
    loss.detach()
    return result


def entropy(patches: np.ndarray, bandwidth: float) -> float:
    """The entropy [-int p log p] of one image's patches [P, C], all P x P pairs one by one."""
    pairs = 1 - cdist(patches, patches, 'cosine').ravel()
    points = np.linspace(pairs.min(), 1, 10)
    density = norm.pdf(points[:, None], pairs, bandwidth).mean(1) + 1e-4
    return trapezoid(-density * np.log(density), points)


def recorded(network, names, x):
    """What the layers return, with hooks of this test's own."""
    outputs, handles = [], []
    for name in names:
        hook = lambda m, inputs, output: outputs.append(output)  # noqa: E731
        handles.append(network.get_submodule(name).register_forward_hook(hook))
    network.eval()((x - 0.5) / 0.5)
    for handle in handles:
        handle.remove()
    return [(o[0] if isinstance(o, tuple) else o).detach().double().numpy() for o in outputs]


@pytest.mark.parametrize(
    'kwargs, tokens',
    [
        (dict(), 1),
        (dict(class_token=False, global_pool='avg'), 0),
        (dict(reg_tokens=4), 5),
        (dict(name='deit_tiny_distilled_patch16_224'), 2),
    ],
)
def test_vit_of_timm(kwargs, tokens, bandwidth=0.1):
    network = vit(**kwargs)
    outputs = recorded(network, ['blocks.0.attn', 'blocks.1.attn'], images())
    assert outputs[0].shape[1] == tokens + 16
    expected = [-sum(entropy(o[i, tokens:], bandwidth) for o in outputs) for i in range(3)]
    result = value(network, bandwidth=bandwidth)
    np.testing.assert_allclose(result.detach(), expected, rtol=1e-4)


def test_windows_of_swin():
    network = varied(timm.create_model('swin_tiny_patch4_window7_224', **SWIN))
    names = [f'layers.{i}.blocks.{j}.attn' for i in (0, 1) for j in (0, 1)]
    assert attention_layers(network) == names
    outputs = recorded(network, names, images())
    assert [len(o) for o in outputs] == [12, 12, 3, 3]  # 4 windows of 3 images, then 1
    expected = [
        -sum(np.mean([entropy(window, 0.05) for window in np.split(o, 3)[i]]) for o in outputs)
        for i in range(3)
    ]
    np.testing.assert_allclose(value(network).detach(), expected, rtol=1e-4)


def test_feature_maps_of_a_network_without_tokens():
    """The last normalisation of each resolution, averaged to 8x8."""
    network = varied(CifarResNet(8, groups=4))
    names = ['layer1.0.bn2', 'layer2.0.bn2', 'layer3.0.bn2']
    first, *others = recorded(network, names, images())
    first = first.reshape(3, 16, 8, 2, 8, 2).mean((3, 5))
    maps = [m.reshape(3, m.shape[1], -1).transpose(0, 2, 1) for m in (first, *others)]
    expected = [-sum(entropy(m[i], 0.05) for m in maps) for i in range(3)]
    np.testing.assert_allclose(value(network).detach(), expected, rtol=1e-4)


class TokensFirst(nn.Module):
    """Attention with tokens [L, N, C], torch's default."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.attention = nn.MultiheadAttention(8, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).permute(2, 0, 1)
        x, _ = self.attention(x, x, x)
        return self.head(x.mean(0))


class Output(dict):
    """As of Hugging Face: a dict whose first entry is what counts."""


class ViTSdpaAttention(nn.Module):
    """As of Hugging Face: attention inside attention, and a class of its own for the output."""

    def __init__(self, output):
        super().__init__()
        self.attention = TokensLast()
        self.output = output

    def forward(self, x):
        x = self.attention(x)
        return self.output(x)


class TokensLast(nn.MultiheadAttention):
    def __init__(self):
        super().__init__(8, 2, batch_first=True)

    def forward(self, x):
        return super().forward(x, x, x)[0]


class HuggingFace(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.layer = ViTSdpaAttention(output)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.layer(self.patches(x).flatten(2).mT)
        x = next(iter(x.values())) if isinstance(x, dict) else x[0] if len(x) == 2 else x
        return self.head(x.mean(1))


def test_tokens_first():
    network = varied(TokensFirst())
    (output,) = recorded(network, ['attention'], images())
    expected = [-entropy(output[:, i], 0.05) for i in range(3)]
    np.testing.assert_allclose(value(network).detach(), expected, rtol=1e-4)


@pytest.mark.parametrize(
    'output', [lambda x: x, lambda x: (x, None), lambda x: Output(hidden=x, other=None)]
)
def test_attention_of_hugging_face(output):
    network = varied(HuggingFace(output))
    assert attention_layers(network) == ['layer']
    (inner,) = recorded(network, ['layer.attention'], images())
    expected = [-entropy(inner[i], 0.05) for i in range(3)]
    np.testing.assert_allclose(value(network).detach(), expected, rtol=1e-4)


def torchvision_vit():
    return torchvision.models.VisionTransformer(
        SIDE, 4, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3
    )


def torchvision_swin():
    return torchvision.models.SwinTransformer(
        [2, 2], 8, depths=[1, 1], num_heads=[2, 2], window_size=[4, 4], num_classes=3
    )


@pytest.mark.parametrize(
    'make, layers',
    [
        (torchvision_vit, 2),
        (torchvision_swin, 2),
        (lambda: MlpMixer(**MIXER), 0),
        (lambda: timm.create_model('convnext_atto', depths=(1,) * 4, dims=(8,) * 4), 0),
    ],
)
def test_other_libraries(make, layers):
    network = make()
    assert len(attention_layers(network)) == layers
    assert has_other_norms(network)
    x = images(side=32)[:, :, :SIDE, :SIDE] if layers else images(side=32)
    result = value(network, x)
    assert result.shape == (3,)
    (gradient,) = torch.autograd.grad(result.sum(), x)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0


MIXER = dict(img_size=32, patch_size=8, embed_dim=8, num_blocks=1, num_classes=3)


def test_named_layers():
    network = vit()
    both, first = value(network), value(network, layers=['blocks.0.attn'])
    second = value(network, layers=['blocks.1.attn'])
    torch.testing.assert_close(both, first + second)


def test_fused_attention_or_not():
    network = vit()
    fused = value(network)
    for block in network.blocks:
        block.attn.fused_attn = not block.attn.fused_attn
    torch.testing.assert_close(value(network), fused, rtol=1e-3, atol=1e-5)


def test_a_network_without_norms_has_convolutions():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 3))
    assert not has_other_norms(network)
    assert value(network).shape == (3,)


@pytest.mark.parametrize(
    'network, kwargs, message',
    [
        (vit(), dict(layers=['attn']), "layers names 'attn', which is not in the teacher"),
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), {}, 'finds no attention'),
        (vit(), dict(layers=['head']), r"1 layers \('model.head', ...\) gives two or more"),
    ],
)
def test_wrong_layers(network, kwargs, message):
    if isinstance(network, nn.Sequential):
        network(images())
    with pytest.raises(ConfigError, match=message):
        value(network, **kwargs)


@pytest.mark.parametrize('shape, patches', [((6, 5, 4), 5), ((12, 5, 4), 5), ((6, 1, 4), None)])
def test_tokens_of_odd_number(shape, patches):
    found = patch_tokens(torch.rand(shape), 6, (32, 32))
    assert (found is None) if patches is None else found.shape[1] in (patches, patches - 1)


@pytest.mark.parametrize('length, dropped', [(24, 0), (25, 1), (29, 5), (35, 0)])
def test_patches_of_images_that_are_not_square(length, dropped):
    found = patch_tokens(torch.rand(2, length, 4), 2, (32, 48))  # 6 k^2 patches
    assert found.shape[1] == length - dropped


def test_contract():
    check_loss(PatchSimilarityLoss)


@pytest.mark.parametrize(
    'extra, other',
    [
        (nn.Identity(), False),
        (spectral_norm(nn.Linear(4, 4)), False),
        (weight_norm(nn.Linear(4, 4)), False),
        (nn.LocalResponseNorm(2), False),
        (nn.LayerNorm(4), True),
        (nn.GroupNorm(2, 4), True),
        (nn.InstanceNorm2d(4), True),
        (nn.RMSNorm(4), True),
        (LayerNorm2d(4), True),
        (GroupNormAct(4, num_groups=2), True),
        (RmsNorm(4), True),
    ],
)
def test_norms_beside_a_batch_norm(extra, other):
    """A network whose only normalisation is batch norm keeps its settings."""
    assert has_other_norms(nn.Sequential(nn.BatchNorm2d(4), extra)) is other
