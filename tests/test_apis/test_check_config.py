"""Misspelt keys of everything that mmengine builds, found before anything is built."""

from argparse import Namespace

import pytest
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from ssdkd.apis import load_config
from ssdkd.errors import ConfigError
from ssdkd.keyword_arguments import destination
from ssdkd.registry import SAMPLERS, argument_names
from ssdkd.samplers import PrioritySampler

CONFIG = 'cls/digits_resnet20_resnet8_ssdkd'


@pytest.mark.parametrize(
    'key, value, hint',
    [
        ('default_hooks.checkpoint.intervall', 3, 'did you mean interval?'),
        ('default_hooks.logger.intervall', 3, 'did you mean interval?'),
        ('default_hooks.chekpoint.interval', 3, 'no type; did you mean checkpoint?'),
        ('default_hooks.timr', None, 'no type; did you mean timer?'),
        ('custom_hooks', [dict(type='EMAHook', momentun=0.1)], 'did you mean momentum?'),
        ('optim_wrapper.student.clip_gard', dict(max_norm=1), 'did you mean clip_grad?'),
        ('optim_wrapper.student.optimizer.momentun', 0.9, 'did you mean momentum?'),
        ('optim_wrapper.student', dict(type='AmpOptimWrapper', los_scale=1), 'loss_scale'),
        ('optim_wrapper.student', dict(optimizr=dict(type='SGD', lr=1)), 'mean optimizer?'),
        ('param_scheduler.student.0.eta_mim', 0, 'did you mean eta_min?'),
        ('val_dataloader.num_worker', 2, 'did you mean num_workers?'),
        ('val_dataloader.sampler.shufle', True, 'did you mean shuffle?'),
        ('val_dataloader.collate_fn.batch', 1, 'default_collate has an unknown key'),
        ('val_cfg.fp61', True, 'did you mean fp16?'),
        ('randomness.seeed', 1, 'did you mean seed?'),
        ('env_cfg.cudnn_benchmrk', True, 'did you mean cudnn_benchmark?'),
        ('env_cfg.mp_cfg', dict(mp_start_metod='fork'), 'did you mean mp_start_method?'),
        ('visualizer.vis_backend', [], 'did you mean vis_backends?'),
        ('visualizer.vis_backends.0.save_dri', 'x', 'did you mean save_dir?'),
        ('log_processor.windw_size', 3, 'did you mean window_size?'),
        (
            'custom_hooks',
            [dict(type='mmengine.hooks.EMAHook', momentun=0.1)],
            'did you mean momentum?',
        ),
        (
            'optim_wrapper.student.optimizer',
            dict(type='torch.optim.SGD', lr=0.1, momentun=0.9),
            'did you mean momentum?',
        ),
    ],
)
def test_misspelt_keys(key, value, hint):
    with pytest.raises(ConfigError) as error:
        load_config(Namespace(config=CONFIG, cfg_options={key: value}))
    assert hint in str(error.value) and key.split('.')[0] in str(error.value)


@pytest.mark.parametrize(
    'key, value',
    [
        ('default_hooks.checkpoint.published_keys', ['meta']),
        ('custom_hooks', [dict(type='EMAHook', momentum=0.1, update_buffers=True)]),
        ('optim_wrapper.student.clip_grad', dict(max_norm=1)),
        ('val_dataloader.prefetch_factor', None),
        ('default_hooks.timer', None),
    ],
)
def test_right_keys(key, value):
    load_config(Namespace(config=CONFIG, cfg_options={key: value}))


@pytest.mark.parametrize(
    'key, hint',
    [
        ('val_dataloader.dataset.data_rot', 'did you mean data_root?'),
        ('val_dataloader.dataset.pipeline.1.scal', 'did you mean scale?'),
        ('val_dataloader.dataset.pipeline.3.num_class', 'did you mean num_classes?'),
        ('val_evaluator.iou_metric', 'did you mean iou_metrics?'),
    ],
)
def test_misspelt_keys_of_mmseg(key, hint):
    pytest.importorskip('mmseg')
    with pytest.raises(ConfigError) as error:
        load_config(Namespace(config='seg/camvid_deeplab', cfg_options={key: 1}))
    assert hint in str(error.value)


class HandsOn(PrioritySampler):
    def __init__(self, width=1, **kwargs):
        kwargs['alpha'] = 0.5
        super().__init__(**kwargs)


class Keeps(PrioritySampler):
    def __init__(self, **kwargs):
        self.options = kwargs


class Ignores(PrioritySampler):
    def __init__(self, width=1, **kwargs):
        super().__init__()


def test_where_keyword_arguments_go():
    found = [destination(c.__init__, 'kwargs') for c in (HandsOn, Keeps, Ignores)]
    assert found == ['parent', 'elsewhere', 'nowhere']
    assert argument_names(HandsOn) == ['width', *argument_names(PrioritySampler)]
    assert argument_names(Keeps) is None and argument_names(Ignores) == ['width']
    assert set(argument_names(OptimWrapper)) < set(argument_names(AmpOptimWrapper))
    assert 'interval' in argument_names(CheckpointHook)
    assert {'ema_type', 'momentum'} <= set(argument_names(EMAHook))


def test_all_components_say_their_arguments():
    SAMPLERS.names()
    assert all(argument_names(c) is not None for c in SAMPLERS.module_dict.values())
