"""Segmentors of mmseg and torchvision, against what these libraries do themselves."""

import copy
import re

import pytest
import torch
import torch.nn.functional as F
from helpers import ROOT
from mmengine.config import Config
from torch import nn

import ssdkd  # noqa: F401
from ssdkd.errors import ConfigError
from ssdkd.mmseg.networks import forget_pretrained, mmseg_config, normalisation_of
from ssdkd.models import Network, load_weights
from ssdkd.models.network import student_config
from ssdkd.registry import MODELS

pytest.importorskip('mmseg')

MEAN, STD = [120.0, 110.0, 100.0], [60.0, 50.0, 40.0]
AUXILIARY = dict(
    type='FCNHead', in_channels=8, in_index=0, channels=8, num_convs=1, num_classes=5
)
TINY = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=MEAN, std=STD, bgr_to_rgb=True),
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=8,
        num_stages=2,
        out_indices=(0, 1),
        strides=(1, 2),
        dilations=(1, 1),
        norm_cfg=dict(type='SyncBN'),
    ),
    decode_head=dict(
        type='ASPPHead',
        in_channels=16,
        in_index=1,
        channels=8,
        dilations=(1, 2),
        num_classes=5,
        norm_cfg=dict(type='SyncBN'),
        align_corners=False,
    ),
    auxiliary_head=AUXILIARY,
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
TORCHVISION = dict(
    type='torchvision',
    name='deeplabv3_mobilenet_v3_large',
    num_classes=5,
    weights_backbone=None,
)


RUNTIME = ROOT / 'configs/_base_/default_runtime.py'  # no model in it


def tiny(options: dict | None = None, **kwargs) -> dict:
    cfg = Config(dict(model=copy.deepcopy(TINY)))
    cfg.merge_from_dict(options or {})
    return dict(type='mmseg', model=cfg.model.to_dict(), **kwargs)


def images(seed=0, size=(32, 48)):
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(seed))


def normalised(pixels):
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    return (255 * pixels - mean) / std


@pytest.mark.parametrize('align_corners', [False, True])
@torch.no_grad()
def test_mmseg_logits_are_those_of_mmsegs_inference(align_corners):
    options = {'model.decode_head.align_corners': align_corners}
    network = Network(tiny(options)).eval()
    x = images()
    logits = network(x)
    assert logits.shape == (2, 5, 32, 48)
    meta = dict(ori_shape=(32, 48), img_shape=(32, 48), pad_shape=(32, 48))
    expected = network.model.inference(normalised(x), [meta] * 2)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert network.model(normalised(x)).shape == (2, 5, 4, 6)


@torch.no_grad()
def test_torchvision_logits_are_torchvisions():
    network = Network(TORCHVISION, mean=[0.5] * 3, std=[0.25] * 3).eval()
    x = images(size=(64, 96))
    expected = network.model((x - 0.5) / 0.25)['out']
    assert expected.shape == (2, 5, 64, 96)
    torch.testing.assert_close(network(x), expected)


@torch.no_grad()
def test_classifiers_logits_are_left_alone():
    vectors = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert Network(vectors)(images()).shape == (2, 3)


@torch.no_grad()
def test_normalisation_is_that_of_mmsegs_preprocessor():
    """mmseg reads BGR, 0 ... 255; the same picture comes to us as RGB in [0, 1]."""
    network = Network(tiny()).eval()
    bgr = torch.randint(0, 256, (2, 3, 32, 48), dtype=torch.uint8)
    prepared = network.model.data_preprocessor(dict(inputs=list(bgr)))['inputs']
    expected = F.interpolate(network.model(prepared), (32, 48), mode='bilinear')
    rgb = bgr.flip(1).float() / 255
    torch.testing.assert_close(network(rgb), expected, rtol=1e-4, atol=1e-5)


def test_stated_normalisation_comes_first():
    network = Network(tiny(), mean=[0.1, 0.2, 0.3], std=[0.5] * 3)
    torch.testing.assert_close(network.mean.flatten(), torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(network.std.flatten(), torch.tensor([0.5] * 3))


def test_bgr_is_refused():
    options = {'model.data_preprocessor.bgr_to_rgb': False}
    with pytest.raises(ConfigError, match='reads BGR.*choose one trained on RGB'):
        Network(tiny(options))
    without = tiny()
    del without['model']['data_preprocessor']
    assert normalisation_of(without) == (None, None)


OWN = ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
TEACHERS = ([0.7, 0.8, 0.9], [0.9, 0.8, 0.7])
OF_MMSEG = ([v / 255 for v in MEAN], [v / 255 for v in STD])
OTHER = {'model.data_preprocessor.mean': [51.0] * 3, 'model.data_preprocessor.std': [102.0] * 3}


@pytest.mark.parametrize(
    'student, teacher, expected',
    [
        (tiny() | dict(keys=OWN), tiny(OTHER) | dict(keys=TEACHERS), OWN),
        (tiny(), tiny(OTHER) | dict(keys=TEACHERS), OF_MMSEG),
        (TORCHVISION, tiny(OTHER) | dict(keys=TEACHERS), TEACHERS),
        (TORCHVISION, tiny(OTHER), ([0.2] * 3, [0.4] * 3)),
        (TORCHVISION, TORCHVISION, (None, None)),
        (tiny(), TORCHVISION | dict(keys=TEACHERS), OF_MMSEG),
    ],
    ids=['own keys', 'own preprocessor', 'keys', 'preprocessor', 'none', 'not the keys'],
)
def test_where_the_students_normalisation_comes_from(student, teacher, expected):
    def config(model):
        mean, std = model.get('keys', (None, None))
        model = {k: v for k, v in model.items() if k != 'keys'}
        return dict(model=model) if mean is None else dict(model=model, mean=mean, std=std)

    cfg = student_config(config(student), config(teacher))
    assert (cfg['mean'], cfg['std']) == expected and cfg['type'] == 'Network'


def test_auxiliary_head_is_dropped():
    plain, whole = MODELS.build(tiny()), MODELS.build(tiny(auxiliary_head=True))
    assert not any(k.startswith('auxiliary_head') for k in plain.state_dict())
    extra = whole.state_dict().keys() - plain.state_dict().keys()
    assert extra and all(k.startswith('auxiliary_head.') for k in extra)
    assert TINY['auxiliary_head'] == AUXILIARY  # the caller's config is as it was


@pytest.mark.parametrize(
    'whole, plain',
    [
        (tiny(auxiliary_head=True), tiny()),
        (TORCHVISION | dict(aux_loss=True), TORCHVISION),
    ],
    ids=['mmseg', 'torchvision'],
)
def test_weights_of_an_auxiliary_head_are_passed_over(whole, plain, tmp_path):
    trained, network = MODELS.build(whole), MODELS.build(plain)
    torch.save(dict(state_dict=trained.state_dict(), meta={}), tmp_path / 'whole.pth')
    load_weights(network, tmp_path / 'whole.pth')
    state = trained.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())

    # But a network that has the head must find it in the file.
    torch.save(network.state_dict(), tmp_path / 'plain.pth')
    with pytest.raises(ConfigError, match='keys missing .aux'):
        load_weights(trained, tmp_path / 'plain.pth')


def test_synchronised_batch_norm_becomes_batch_norm():
    layers = list(MODELS.build(tiny(auxiliary_head=True)).modules())
    assert not any(isinstance(m, nn.SyncBatchNorm) for m in layers)
    plain = dict(type='BN', requires_grad=True)
    options = {f'model.{part}.norm_cfg': plain for part in ('backbone', 'decode_head')}
    expected = MODELS.build(tiny(options))
    assert MODELS.build(tiny()).state_dict().keys() == expected.state_dict().keys()


@torch.no_grad()
def test_num_classes_of_all_heads():
    model = tiny(num_classes=7, auxiliary_head=True)
    model['model']['auxiliary_head'] = [AUXILIARY, AUXILIARY]
    network = MODELS.build(model).eval()
    assert network(images()).shape[1] == 7
    assert [h.conv_seg.out_channels for h in network.auxiliary_head] == [7, 7]
    assert network.cfg.decode_head.num_classes == 7


@torch.no_grad()
def test_config_of_mmseg_by_name():
    name = 'mmseg::fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py'
    model = dict(type='mmseg', config=name, num_classes=3)
    network = Network(model).eval()
    assert type(network.model.backbone).__name__ == 'FastSCNN'
    assert network(images(size=(64, 64))).shape == (2, 3, 64, 64)
    by_hand = torch.tensor([123.675, 116.28, 103.53]) / 255  # as that config says
    torch.testing.assert_close(network.mean.flatten(), by_hand)


def test_config_file_and_changes_to_it(tmp_path):
    path = tmp_path / 'user.py'
    Config(dict(model=TINY)).dump(path)
    cfg = mmseg_config(str(path), dict(decode_head=dict(channels=4)))
    assert cfg.decode_head.channels == 4 and cfg.decode_head.in_channels == 16
    network = MODELS.build(
        dict(type='mmseg', config=str(path), model=dict(decode_head=dict(channels=4)))
    )
    assert network.decode_head.conv_seg.in_channels == 4


@pytest.mark.parametrize(
    'model, message',
    [
        (dict(config='no/such.py'), "config 'no/such.py' cannot be read"),
        (dict(config='mmseg::no/such.py'), "config 'mmseg::no/such.py' cannot be read"),
        (dict(config='nolibrary::such.py'), 'is of nolibrary, which is not installed'),
        (dict(config=str(RUNTIME)), "_runtime.py' cannot be read"),
        (dict(), "type 'mmseg' needs config= (a file) or model= (a dict)"),
        (dict(model=dict(type='EncoderDecodr')), "type 'mmseg': "),
        (
            dict(model=TINY | dict(decode_head=dict(TINY['decode_head'], chanels=4))),
            "unexpected keyword argument 'chanels'",
        ),
    ],
)
def test_errors_are_ours(model, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        MODELS.build(dict(model, type='mmseg'))


def test_without_a_checkpoint_the_config_initialises(tmp_path):
    constant = dict(type='Constant', layer='Conv2d', val=0.0123)
    model = tiny({'model.decode_head.init_cfg': constant, 'model.backbone.init_cfg': constant})
    weight = Network(model).model.decode_head.conv_seg.weight
    assert torch.equal(weight, torch.full_like(weight, 0.0123))
    torch.manual_seed(1)
    built = MODELS.build(model)
    assert not torch.equal(built.decode_head.conv_seg.weight, weight)

    torch.save(built.state_dict(), tmp_path / 'trained.pth')
    network = Network(model, checkpoint=str(tmp_path / 'trained.pth'))
    state = built.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in network.model.state_dict().items())


@pytest.mark.parametrize('where', ['no/such.pth', 'http://127.0.0.1:9/absent.pth'])
def test_pretrained_weights_that_cannot_be_had(where):
    pretrained = dict(type='Pretrained', checkpoint=where)
    with pytest.raises(ConfigError, match='init_cfg names cannot be loaded .*to None'):
        Network(tiny({'model.backbone.init_cfg': pretrained}))


def test_pretrained_weights_of_timm_that_cannot_be_had():
    backbone = dict(
        type='TIMMBackbone',
        model_name='mobilenetv3_small_050',
        features_only=True,
        pretrained=True,
        pretrained_cfg_overlay=dict(file='no/such.pth'),
    )
    with pytest.raises(ConfigError, match="'no/such.pth'.*cannot be loaded .*to False"):
        MODELS.build(dict(type='mmseg', model=dict(TINY, backbone=backbone)))


def test_channels_last_changes_the_layout_alone():
    model = tiny(channels_last=True)
    network, other = Network(model).eval(), Network(tiny()).eval()
    other.load_state_dict(network.state_dict())
    weight = network.model.decode_head.conv_seg.weight
    assert network.model.backbone.stem[0].weight.is_contiguous(
        memory_format=torch.channels_last
    ), weight.shape
    torch.testing.assert_close(network(images()), other(images()), rtol=1e-4, atol=1e-5)


def test_a_checkpoint_makes_pretrained_weights_needless():
    """mmseg's timm backbone asks for them even where its config does not say so."""
    backbone = dict(
        type='TIMMBackbone', model_name='resnet18', init_cfg=dict(type='Pretrained')
    )
    cfg = dict(pretrained='open-mmlab://x', backbone=backbone)
    forget_pretrained(cfg)
    assert cfg == dict(
        backbone=dict(type='TIMMBackbone', model_name='resnet18', pretrained=False)
    )
