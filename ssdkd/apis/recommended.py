"""The settings of configs/_base_ for those who have no config, chosen by task and size.

The numbers are those of the shipped files (a test compares them), held here because an
installed package has no configs folder. Only ``LARGE_CPU`` has no shipped file behind it.
"""

import copy

from mmengine.config import Config

from ssdkd.errors import ConfigError

# configs/_base_/default_runtime.py
RUNTIME = dict(
    default_scope='ssdkd',
    default_hooks=dict(
        timer=dict(type='IterTimerHook'),
        logger=dict(type='LoggerHook', interval=10**9),
        param_scheduler=dict(type='ParamSchedulerHook'),
        checkpoint=dict(
            type='DistillCheckpointHook', interval=5, save_best='accuracy', rule='greater'
        ),
    ),
    custom_hooks=[
        dict(type='BufferStatisticsHook', interval=10),
        dict(type='SampleGridHook', interval=10),
        dict(type='ExportHook'),
        dict(type='SummaryHook'),
        dict(type='EstimateHook'),
    ],
    log_processor=dict(type='RoundLogProcessor'),
    log_level='INFO',
    visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]),
    train_dataloader=dict(),
    randomness=dict(seed=0),
    env_cfg=dict(cudnn_benchmark=True),
    load_from=None,
    resume=False,
)
# configs/_base_/methods/ssdkd.py and schedules/published.py
SMALL = dict(
    model=dict(
        type='ReplayDistiller',
        task=dict(type='Classification'),
        synthesizer=dict(
            type='GeneratorSynthesizer',
            generator=dict(type='DCGANGenerator', latent_dim=256, width=64),
            losses=dict(
                bn=dict(type='BNStatisticsLoss', weight=10.0, momentum=0.9),
                class_prior=dict(type='ClassPriorLoss', weight=0.4),
                adversarial=dict(
                    type='AdversarialLoss', weight=1.1, temperature=20.0, decision=True
                ),
            ),
            batch_size=256,
            steps=5,
            latent_lr=1e-2,
            flip=True,
        ),
        buffer=dict(type='ReplayBuffer', capacity=5000),
        writer=dict(type='CrowdedWriter'),
        sampler=dict(type='PrioritySampler', alpha=0.6, beta=0.4),
        balancing=dict(type='ModulatingFunction', gamma=1.0),
        batch_size=256,
        distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=20.0)),
        flip=True,
    ),
    train_cfg=dict(type='DistillLoop', max_rounds=220, warmup_rounds=20, steps_per_round=400),
    optim_wrapper=dict(
        constructor='RoleOptimWrapperConstructor',
        student=dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=1e-4),
        ),
        generator=dict(
            type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3, betas=(0.5, 0.999))
        ),
    ),
    param_scheduler=dict(
        student=[dict(type='CosineAnnealingLR', by_epoch=False)], generator=[]
    ),
)
# What the others change, each over SMALL.
# methods/ssdkd_cpu.py and schedules/cpu.py
SMALL_CPU = {
    'model.synthesizer.losses.bn.momentum': 0.0,
    'model.synthesizer.losses.class_prior.weight': 0.5,
    'model.synthesizer.losses.adversarial': dict(weight=1.0, temperature=4.0, decision=False),
    'model.synthesizer.batch_size': 128,
    'model.synthesizer.steps': 3,
    'model.batch_size': 128,
    'model.balancing.temperature': 4.0,
    'model.normalize': True,
    'model.distillation.kl.temperature': 4.0,
    'model.channels_last': True,
    'train_cfg': dict(max_rounds=200, warmup_rounds=20, steps_per_round=20),
    'optim_wrapper.student.optimizer': dict(lr=0.1, nesterov=True),
}
# methods/ssdkd_imagenet.py and schedules/imagenet.py
LARGE = {
    'model.synthesizer.losses.adversarial.weight': 0.1,
    'model.synthesizer.losses.class_prior.weight': 0.1,
    'model.synthesizer.losses.bn.weight': 0.1,
    'model.synthesizer.batch_size': 50,
    'model.synthesizer.steps': 50,
    'model.buffer': dict(capacity=12_800, device='cpu'),
    'model.batch_size': 128,
    'model.autocast': 'bfloat16',
    'model.channels_last': True,
    'train_cfg.steps_per_round': 1000,
    'optim_wrapper.student.optimizer.lr': 0.1,
    'optim_wrapper.generator.optimizer.lr': 3e-3,
}
# methods/ssdkd_seg.py and schedules/seg.py
SEGMENTATION = {
    'model.task.type': 'Segmentation',
    'model.synthesizer.losses.bn': dict(weight=0.1, momentum=0.0, relative=True),
    'model.synthesizer.losses.class_prior.weight': 2.0,
    'model.synthesizer.losses.adversarial': dict(weight=0.3, temperature=1.0, decision=False),
    'model.synthesizer.batch_size': 16,
    'model.synthesizer.steps': 10,
    'model.buffer': dict(capacity=16_000, device='cpu', pin_memory=True),
    'model.batch_size': 16,
    'model.distillation.kl.temperature': 1.0,
    'model.light': 0.7,
    'model.autocast': 'bfloat16',
    'model.channels_last': True,
    'train_cfg': dict(max_rounds=320, steps_per_round=100),
    'default_hooks.checkpoint.save_best': 'mIoU',
}
# configs/seg/camvid_deeplab.py and schedules/cpu_seg.py, over SEGMENTATION
SEGMENTATION_CPU = {
    'model.synthesizer.generator.width': 32,
    'model.synthesizer.steps': 4,
    'model.buffer.capacity': 1000,
    'model.autocast': None,
    'train_cfg': dict(max_rounds=140, warmup_rounds=25, steps_per_round=20),
}
# Over LARGE: the divergences of SMALL_CPU, the steps of SEGMENTATION_CPU; a starting point.
LARGE_CPU = {
    'model.synthesizer.generator.width': 32,
    'model.synthesizer.losses.bn': dict(momentum=0.0, relative=True),
    'model.synthesizer.losses.adversarial': dict(temperature=4.0, decision=False),
    'model.synthesizer.batch_size': 32,
    'model.synthesizer.steps': 4,
    'model.batch_size': 32,
    'model.balancing.temperature': 4.0,
    'model.normalize': True,
    'model.distillation.kl.temperature': 4.0,
    'model.autocast': None,
    'train_cfg': dict(max_rounds=140, warmup_rounds=25, steps_per_round=20),
    'optim_wrapper.generator.optimizer.lr': 2e-3,
}
# Few steps with small batches: the optimizer of schedules/seg.py, at the rate of cpu_seg.py.
ADAMW = dict(type='AdamW', lr=1e-3, weight_decay=1e-2)
TASKS = ('classification', 'segmentation')


def recommended(
    *,
    num_classes: int,
    image_size: int | tuple[int, int],
    task: str = 'classification',
    device: str = 'cpu',
    budget: int | None = None,
    batch_norm: bool = True,
) -> Config:
    """The settings to begin with; ``model.teacher`` and ``model.student`` are left to add.

    Args:
        num_classes (int): Outputs of both networks, at least 2.
        image_size (int | tuple[int, int]): Side or (H, W). Below 64 pixels multiples of 4 and
            the settings for 32x32; from 64 to 512 multiples of 32 and those for 224x224.
        task (str): ``'classification'`` or ``'segmentation'``.
        device (str): ``'cpu'`` gets thousands of student steps, anything else the schedules
            for an accelerator.
        budget (int, optional): Rounds in all. The share that warms up stays the same. Defaults
            to the schedule's.
        batch_norm (bool): Whether the teacher has batch-norm layers; without them their loss
            is left out.

    Raises:
        ConfigError: A value cannot work; the message says which would.
    """
    if task not in TASKS:
        raise ConfigError(f"task='{task}' must be one of {', '.join(map(repr, TASKS))}")
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 2:
        raise ConfigError(f'num_classes={num_classes} must be an int, at least 2')
    height, width = _pair(image_size)
    shorter = min(height, width)
    large, on_cpu, segments = shorter >= 64, str(device) == 'cpu', task == 'segmentation'
    cfg = Config(copy.deepcopy(RUNTIME | SMALL))
    if segments:
        changes = SEGMENTATION, SEGMENTATION_CPU
    else:
        changes = (LARGE, LARGE_CPU) if large else ({}, SMALL_CPU)
    for change in changes if on_cpu else changes[:1]:
        cfg.merge_from_dict(copy.deepcopy(change))
    if segments or (large and on_cpu):
        cfg.optim_wrapper.student.optimizer = dict(ADAMW, lr=2e-3 if on_cpu else 1e-3)

    model, schedule = cfg.model, cfg.train_cfg
    model.task.num_classes = num_classes
    model.synthesizer.generator.type = 'DeepGenerator' if large else 'DCGANGenerator'
    model.synthesizer.generator.image_size = height if height == width else (height, width)
    model.crop_padding = shorter // (16 if segments else 8)
    model.synthesizer.crop_padding = model.crop_padding if segments or not large else 4
    if not batch_norm:
        model.synthesizer.losses.bn = None
    if budget is not None:
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
            raise ConfigError(f'budget={budget} must be a number of rounds, an int from 1')
        share = schedule.warmup_rounds / schedule.max_rounds
        schedule.warmup_rounds = min(max(round(share * budget), 1), budget - 1)
        schedule.max_rounds = budget
    schedule.val_interval = max(schedule.max_rounds // 8, 1)
    # Ten samples per class at least, and no slot that the run could never fill.
    made = (schedule.max_rounds - schedule.warmup_rounds) * model.synthesizer.batch_size
    wanted = min(max(model.buffer.capacity, 10 * num_classes), made)
    model.buffer.capacity = max(wanted, model.batch_size, model.synthesizer.batch_size)
    return cfg


def _pair(image_size: int | tuple[int, int]) -> tuple[int, int]:
    pair = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        raise ConfigError(f'image_size={image_size} must be an int or (height, width)')
    return pair
