"""A student from tools/train.py is one of mmseg or torchvision, for who has nothing else."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from helpers import as_options, call_tool
from mmengine.config import Config
from plain_process import OBSTACLES, in_another_process
from segmentation_runs import CAMVID, HEIGHT, NUM_CLASSES, WIDTH, camvid_options

from ssdkd.models import Network, student_config
from ssdkd.registry import MODELS

PLAIN_MMSEG = (
    OBSTACLES
    + """
import mmcv

if not list(Path(mmcv.__file__).parent.glob('_ext.*')):
    class Stub(types.ModuleType):
        def __getattr__(self, name):
            if name.startswith('__'):
                raise AttributeError(name)
            return None
    sys.modules['mmcv._ext'] = Stub('mmcv._ext')
    sys.modules['mmcv._ext'].__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', None)
from mmseg.apis import inference_model, init_model

config, checkpoint, folder, *images = sys.argv[1:]
model = init_model(config, checkpoint, device='cpu')
state = torch.load(checkpoint, weights_only=True)['state_dict']
assert state.keys() == model.state_dict().keys()
model.load_state_dict(state, strict=True)
results = inference_model(model, images)
batch = torch.load(folder + '/normalised.pth')
meta = dict(ori_shape=batch.shape[2:], img_shape=batch.shape[2:], pad_shape=batch.shape[2:])
with torch.no_grad():
    logits = model.inference(batch, [meta] * len(batch))
torch.save(
    dict(
        labels=[r.pred_sem_seg.data for r in results],
        of_images=[r.seg_logits.data for r in results],
        logits=logits,
        meta=model.dataset_meta,
    ),
    folder + '/plain.pth',
)
assert 'ssdkd' not in sys.modules
"""
)
PLAIN_TORCHVISION = (
    OBSTACLES
    + """
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

checkpoint, folder = sys.argv[1:]
model = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=11)
state = torch.load(checkpoint, weights_only=True)
assert state.keys() == model.state_dict().keys()
model.load_state_dict(state, strict=True)
with torch.no_grad():
    logits = model.eval()(torch.load(folder + '/normalised.pth'))['out']
torch.save(dict(logits=logits), folder + '/plain.pth')
assert 'ssdkd' not in sys.modules
"""
)


def trained_student(config: Path, folder: Path, options: dict) -> tuple[Config, Path]:
    """The config of a finished run, and the work directory that it left."""
    run = folder / 'run'
    call_tool('train.py', config, '--work-dir', run, '--cfg-options', *as_options(options))
    return Config.fromfile(run / config.name), run


def our_network(cfg: Config, checkpoint: Path) -> Network:
    student = student_config(cfg.model.student, cfg.model.teacher)
    return MODELS.build(dict(student, checkpoint=str(checkpoint))).eval()


@torch.no_grad()
def our_logits(network: Network, folder: Path) -> torch.Tensor:
    """Logits of random images, which the other process is given normalised."""
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    torch.save((images - network.mean) / network.std, folder / 'normalised.pth')
    return network(images)


@pytest.fixture(scope='module')
def mmseg_run(tmp_path_factory):
    pytest.importorskip('mmseg')
    folder = tmp_path_factory.mktemp('mmseg')
    return folder, *trained_student(CAMVID, folder, camvid_options(folder))


def test_student_is_plain_mmseg(mmseg_run):
    from mmseg.registry import DATASETS

    folder, cfg, run = mmseg_run
    expected = our_logits(our_network(cfg, run / 'student.pth'), folder)

    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    predictor = MODELS.build(
        dict(
            type='Predictor',
            network=dict(
                student_config(cfg.model.student, cfg.model.teacher),
                checkpoint=str(run / 'student.pth'),
            ),
            task=cfg.model.task,
        )
    ).eval()
    one_by_one = [{k: [v] for k, v in dataset[i].items()} for i in range(len(dataset))]
    predictions = [predictor.test_step(data)[0] for data in one_by_one]

    images = sorted((folder / 'camvid/img_dir/val').iterdir())
    plain = in_another_process(
        PLAIN_MMSEG, folder, run / 'student_mmseg.py', run / 'student.pth', folder, *images
    )
    assert expected.shape == (2, NUM_CLASSES, 64, 96)
    assert torch.equal(plain['logits'], expected)
    assert len(plain['labels']) == len(images) == len(predictions)
    for theirs, ours in zip(plain['labels'], predictions):
        assert theirs.shape == (1, HEIGHT, WIDTH)
        # Their pixels are normalised in 0 ... 255, which rounds differently.
        assert (theirs == ours.pred_sem_seg.data).float().mean() > 0.999
    for theirs, data in zip(plain['of_images'], one_by_one):
        inputs = predictor.data_preprocessor(data)['inputs']
        ours = F.interpolate(predictor(inputs), (HEIGHT, WIDTH), mode='bilinear')[0]
        # A student of two steps says almost the same of all pixels; the little is compared.
        theirs, ours = (z - z.mean(dim=(1, 2), keepdim=True) for z in (theirs, ours))
        assert (theirs - ours).abs().max() < 0.02 * ours.std(dim=(1, 2)).min()
        labels = ours.argmax(dim=0)
        assert len(labels.unique()) > 2
        assert (theirs.argmax(dim=0) == labels).float().mean() > 0.99
    assert tuple(plain['meta']['classes']) == tuple(cfg.classes)
    assert plain['meta']['palette'] == cfg.palette


def test_exported_config_says_what_we_trained_on(mmseg_run):
    folder, cfg, run = mmseg_run
    exported = Config.fromfile(run / 'student_mmseg.py')
    network = our_network(cfg, run / 'student.pth')
    preprocessor = exported.model.data_preprocessor
    torch.testing.assert_close(
        torch.tensor(preprocessor.mean) / 255, network.mean.flatten(), rtol=1e-6, atol=0
    )
    torch.testing.assert_close(
        torch.tensor(preprocessor.std) / 255, network.std.flatten(), rtol=1e-6, atol=0
    )
    assert preprocessor.bgr_to_rgb and exported.model.decode_head.num_classes == NUM_CLASSES
    steps = [step.type for step in exported.test_pipeline]
    assert steps == ['LoadImageFromFile', 'Resize', 'PackSegInputs']
    assert 'ssdkd' not in (run / 'student_mmseg.py').read_text()


@pytest.mark.slow
def test_student_is_plain_torchvision(tmp_path):
    config = tmp_path / 'user.py'
    config.write_text(
        f"_base_ = ['{CAMVID}']\n"
        'model = dict(student=dict(model=dict(\n'
        "    _delete_=True, type='torchvision', name='deeplabv3_mobilenet_v3_large',\n"
        f'    num_classes={NUM_CLASSES})), reuse=None, distillation=dict(features=None))\n'
        'val_dataloader = val_cfg = val_evaluator = None\n'
    )
    options = {k: v for k, v in camvid_options(tmp_path).items() if k[:4] != 'val_'}
    cfg, run = trained_student(config, tmp_path, options)
    expected = our_logits(our_network(cfg, run / 'student.pth'), tmp_path)
    plain = in_another_process(PLAIN_TORCHVISION, tmp_path, run / 'student.pth', tmp_path)
    assert expected.shape == (2, NUM_CLASSES, 64, 96)
    assert torch.equal(plain['logits'], expected)
    assert not (run / 'student_mmseg.py').exists()
