"""NAYER against SSD-KD, and against itself without class names: digits, 3 minutes, 3 seeds.

In all about half an hour.
"""

_nayer = 'projects/nayer/config.py'
methods = dict(
    ssdkd=dict(config='configs/cls/digits_resnet20_resnet8_ssdkd.py', label='SSD-KD'),
    nayer=dict(config=_nayer, label='NAYER, names by spelling'),
    numbers=dict(
        config=_nayer,
        label='NAYER, numbers',
        options={'model.synthesizer.class_names': None},
    ),
)
seeds = [0, 1, 2]
budget = dict(minutes=3)
reference = 'ssdkd'
ours = 'ssdkd'
