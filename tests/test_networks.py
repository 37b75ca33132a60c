"""Will my network work? The rows of docs/networks.md, each of them a run in both roles."""

import re
from collections import OrderedDict
from dataclasses import dataclass, field

import pytest
import torch
from helpers import ROOT
from torch import nn

import ssdkd.visualization
from ssdkd.apis import distill
from ssdkd.errors import ConfigError
from ssdkd.mmseg import mmseg_model

SMALL = {
    'model.synthesizer.generator.width': 4,
    'model.synthesizer.generator.latent_dim': 8,
    'model.synthesizer.batch_size': 4,
    'model.synthesizer.samples': 4,
    'model.synthesizer.steps': 1,
    'model.batch_size': 4,
    'train_cfg.warmup_rounds': 0,
    'train_cfg.steps_per_round': 2,
    # Four samples per batch norm and random weights; with 0.1 some students diverge at once.
    'optim_wrapper.student.optimizer.lr': 1e-3,
    'model.autocast': None,
}


class Own(nn.Module):
    """A user's own network, with any norm, channels and outputs."""

    def __init__(self, norm=nn.BatchNorm2d, channels: int = 3, outputs: int = 5, form=None):
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 3, 2, 1)
        self.norm = norm(8)
        self.head = nn.Conv2d(8, outputs, 1)
        self.form = form

    def forward(self, images):
        features = self.norm(self.conv(images)).relu()
        logits = self.head(features.mean((2, 3), keepdim=True))
        return FORMS[self.form](features, logits.flatten(1))


def group_norm(width):
    return nn.GroupNorm(2, width)


def layer_norm(width):
    return nn.GroupNorm(1, width)


class ModelOutput(OrderedDict):
    """Stand-in for that of Hugging Face: a dict with attributes."""

    def __getattr__(self, name):
        return self[name]


FORMS = {
    None: lambda features, logits: logits,
    'pair': lambda features, logits: (logits, features),
    'named': lambda features, logits: dict(features=features.mean((2, 3)), classes=logits),
    'map': lambda features, logits: logits[:, :, None, None],
    'model output': lambda features, logits: ModelOutput(
        logits=logits, hidden_states=(features,)
    ),
    'probabilities': lambda features, logits: logits.softmax(1),
}


def timm(name, **arguments):
    library = pytest.importorskip('timm')
    return lambda: library.create_model(name, num_classes=5, **arguments)


def torchvision(name, **arguments):
    library = pytest.importorskip('torchvision')
    return lambda: library.models.get_model(name, num_classes=5, weights=None, **arguments)


def hugging_face():
    """A tiny ViT of transformers where that is installed, otherwise a stand-in."""
    try:
        from transformers import ViTConfig, ViTForImageClassification
    except ImportError:
        return Own(form='model output')
    sizes = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    config = ViTConfig(
        image_size=32, patch_size=8, num_attention_heads=2, num_labels=5, **sizes
    )
    return ViTForImageClassification(config)


def segmentor_of_mmseg():
    pytest.importorskip('mmseg')
    head = dict(type='FCNHead', in_channels=16, in_index=1, channels=8, num_convs=1)
    backbone = dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, num_stages=2)
    backbone |= dict(strides=(1, 2), dilations=(1, 1), out_indices=(0, 1))
    model = dict(type='EncoderDecoder', backbone=backbone, decode_head=head)
    head |= dict(num_classes=5, norm_cfg=dict(type='BN'))
    return mmseg_model(model=model | dict(test_cfg=dict(mode='whole')))


@dataclass
class Row:
    """How to build a network, what else to say to distill(), and what the log says then."""

    build: object
    arguments: dict = field(default_factory=dict)
    says: str = ''
    refused: str = ''
    teacher: object = None  # how to build it where it is of another form


def exported() -> nn.Module:
    shapes = ({0: torch.export.Dim('batch')},)
    images = (torch.rand(2, 3, 32, 32),)
    return torch.export.export(Own().eval(), images, dynamic_shapes=shapes)


def own(**arguments):
    return lambda: Own(**arguments)


def size(*sides, **arguments):
    return dict(image_size=sides if len(sides) > 1 else sides[0], **arguments)


SEGMENTS = size(64, task='segmentation')
ROWS = {
    'timm, with batch norm': lambda: Row(timm('mobilenetv3_small_050')),
    'timm, ViT': lambda: Row(
        timm('vit_tiny_patch16_224', img_size=32, patch_size=8, embed_dim=24, depth=2)
    ),
    'timm, Swin': lambda: Row(
        timm(
            'swin_tiny_patch4_window7_224',
            img_size=32,
            patch_size=2,
            window_size=4,
            embed_dim=12,
            depths=(1, 1),
            num_heads=(1, 2),
        )
    ),  # fmt: skip
    'timm, ConvNeXt': lambda: Row(
        timm('convnext_atto', depths=(1, 1, 1, 1), dims=(8, 8, 16, 16))
    ),
    'torchvision, classifier': lambda: Row(torchvision('mobilenet_v3_small')),
    'torchvision, with auxiliary outputs': lambda: Row(
        torchvision('googlenet', aux_logits=True, init_weights=False),
        size(64),
        "GoogLeNetOutputs (logits [4, 5], aux_logits2 [4, 5], aux_logits1 [4, 5]): 'logits'",
    ),
    'torchvision, segmentor': lambda: Row(
        torchvision('lraspp_mobilenet_v3_large', weights_backbone=None),
        SEGMENTS,
        "'out' is taken as logits",
    ),
    'mmseg, segmentor': lambda: Row(segmentor_of_mmseg, SEGMENTS),
    'Hugging Face transformers': lambda: Row(hugging_face, says="'logits' is taken as logits"),
    'own module, batch norm': lambda: Row(own()),
    'own module, layer norm': lambda: Row(own(norm=layer_norm)),
    'own module, group norm': lambda: Row(own(norm=group_norm)),
    'own module, no norm': lambda: Row(own(norm=nn.Identity)),
    'returns a tuple': lambda: Row(own(form='pair'), says='element 0 is taken as logits'),
    'returns a dict without logits or out': lambda: Row(
        own(form='named'), dict(output='classes'), "'classes' is taken as logits"
    ),
    'returns [N, K, 1, 1]': lambda: Row(own(form='map'), says='[1, 5, 1, 1] as [1, 5]'),
    'softmax at its end': lambda: Row(
        own(form='probabilities'), says='their logarithm is used as logits'
    ),
    'one logit': lambda: Row(own(outputs=1), dict(task='binary', num_classes=2)),
    'several labels': lambda: Row(own(), dict(task='multilabel')),
    '1 channel': lambda: Row(own(channels=1), says='x 1 x 32 x 32 bytes'),
    '2 or more channels': lambda: Row(own(channels=7), says='x 7 x 32 x 32 bytes'),
    '8 pixels': lambda: Row(own(), size(8)),
    '30 pixels': lambda: Row(own(), size(30), 'makes images of 32x32 pixels'),
    '28x60 pixels': lambda: Row(own(), size(28, 60)),
    '112 pixels': lambda: Row(own(), size(112), 'makes images of 128x128 pixels'),
    '200x299 pixels': lambda: Row(own(), size(200, 299), 'makes images of 224x320 pixels'),
    '512 pixels': lambda: Row(own(), size(512)),
    'in DataParallel': lambda: Row(lambda: nn.DataParallel(Own())),
    'in half or double precision': lambda: Row(lambda: Own().double(), says='cast to float32'),
    'TorchScript, as a teacher': lambda: Row(
        Own, teacher=lambda: torch.jit.trace(Own().eval(), torch.rand(1, 3, 32, 32))
    ),
    'torch.export, as a teacher': lambda: Row(Own, teacher=exported),
    'TorchScript or torch.export, as a student': lambda: Row(
        lambda: torch.jit.trace(Own().eval(), torch.rand(1, 3, 32, 32)),
        refused='give the original module',
    ),
}
# Of more than half a minute; `make test-slow` runs them.
SLOW = ('torchvision, with auxiliary outputs', '512 pixels')


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'name', [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in ROWS]
)
def test_row(name, tmp_path, monkeypatch):
    monkeypatch.setattr(ssdkd.visualization, 'write_report', lambda folder: (folder / 'r', ''))
    row = ROWS[name]()
    torch.manual_seed(0)
    networks = (row.teacher or row.build)(), row.build()
    arguments = dict(num_classes=5, image_size=32, mean=0.5, std=0.25) | row.arguments | SMALL
    if row.refused:
        with pytest.raises(ConfigError, match=row.refused):
            distill(*networks, budget=2, work_dir=tmp_path / 'run', **arguments)
        return
    before = [p.detach().clone() for p in networks[1].parameters()]
    result = distill(*networks, budget=2, work_dir=tmp_path / 'run', **arguments)
    assert [h['round'] for h in result.history] == [1, 2] and len(result.buffer)
    side = arguments['image_size']
    sides = side if isinstance(side, tuple) else (side, side)
    assert result.buffer.columns['image'].shape[2:] == sides
    moved = [p.float() != b.float() for p, b in zip(networks[1].parameters(), before)]
    assert any(m.any() for m in moved)
    (log,) = result.work_dir.glob('*/*.log')
    assert row.says in log.read_text()


def test_the_page_has_the_same_rows():
    page = (ROOT / 'docs/networks.md').read_text()
    table = re.findall(r'^\| ([^|]+?) \| (yes|no)\b', page, re.M)
    assert [name.replace('`', '') for name, _ in table] == list(ROWS)
    answers = ['no' if row.refused else 'yes' for row in (build() for build in ROWS.values())]
    assert [answer for _, answer in table] == answers
