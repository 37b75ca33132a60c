"""NAYER against SSD-KD, and against itself without class names: digits, 3 minutes, 3 seeds.

In all about half an hour.
"""

_nayer = dict(pair='digits_resnet20_resnet8', method='projects/nayer/nayer.py')
methods = dict(
    ssdkd=dict(pair='digits_resnet20_resnet8', method='ssdkd', label='SSD-KD'),
    nayer=dict(_nayer, label='NAYER, names by spelling'),
    numbers=dict(
        _nayer,
        label='NAYER, numbers',
        options={'model.synthesizer.class_names': None},
    ),
)
seeds = [0, 1, 2]
budget = dict(minutes=3)
reference = 'ssdkd'
ours = 'ssdkd'
