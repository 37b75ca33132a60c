"""What every run shares: logging, checkpoints, seeds."""

default_scope = 'ssdkd'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    # One line per round: the loop averages over the round's steps.
    logger=dict(type='LoggerHook', interval=10**9),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='DistillCheckpointHook',
        interval=5,  # rounds
        save_best='accuracy',  # without a val set by the estimate of QualityHook
        rule='greater',
    ),
)
custom_hooks = [
    dict(type='BufferStatisticsHook', interval=10),
    dict(type='SampleGridHook', interval=10),
    dict(type='ExportHook'),
    dict(type='SummaryHook'),
    dict(type='EstimateHook'),
    dict(type='QualityHook', interval=10),
]

log_processor = dict(type='RoundLogProcessor')
log_level = 'INFO'
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])

# Training reads no dataset.
train_dataloader = dict()

randomness = dict(seed=0)
env_cfg = dict(cudnn_benchmark=True)
load_from = None
resume = False
