"""Methods on CIFAR-10-JPEG, ResNet-56 -> ResNet-20: 30 minutes each on a CPU.

Three seeds for the two methods that the comparison is about, one for the others: 13 runs, seven
hours.
"""

_reset = ['model.synthesizer.reset_round']  # a round of the config's own number of rounds
_pair = 'cifar10jpeg_resnet56_resnet20'
_several = [0, 1, 2]
methods = dict(
    ssdkd=dict(config=f'configs/cls/{_pair}_ssdkd.py', label='SSD-KD', seeds=_several),
    fast2=dict(
        config=f'configs/baselines/fast2/{_pair}_fast2.py',
        label='Fast-2',
        scale_rounds=_reset,
        seeds=_several,
    ),
    fast10=dict(
        config=f'configs/baselines/fast10/{_pair}_fast10.py',
        label='Fast-10',
        scale_rounds=_reset,
    ),
    cmi=dict(config=f'configs/baselines/cmi/{_pair}_cmi.py', label='CMI'),
    dfq=dict(config=f'configs/baselines/dfq/{_pair}_dfq.py', label='DFQ'),
    zskt=dict(config=f'configs/baselines/zskt/{_pair}_zskt.py', label='ZSKT'),
    dafl=dict(config=f'configs/baselines/dafl/{_pair}_dafl.py', label='DAFL'),
    noise=dict(config=f'configs/baselines/noise/{_pair}_noise.py', label='noise'),
    oracle_real=dict(
        config=f'configs/baselines/oracle_real/{_pair}_oracle_real.py',
        label='oracle (real images, not data-free)',
    ),
)
seeds = [0]
budget = dict(minutes=30)
reference = 'oracle_real'  # the ratios ask for 90 % of its result
ours = 'ssdkd'
