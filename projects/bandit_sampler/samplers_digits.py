"""A learned policy against prioritised replay and none: digits, 3 minutes and 5 seeds each.

Apart from the sampler all three are SSD-KD. In all about 50 minutes.
"""

_config = 'configs/cls/digits_resnet20_resnet8_ssdkd.py'
_uniform = dict(_delete_=True, type='UniformSampler')
methods = dict(
    priority=dict(config=_config, label='priority'),
    bandit=dict(config='projects/bandit_sampler/config.py', label='bandit'),
    uniform=dict(config=_config, label='uniform', options={'model.sampler': _uniform}),
)
seeds = [0, 1, 2, 3, 4]
budget = dict(minutes=3)
reference = 'priority'
ours = 'priority'
