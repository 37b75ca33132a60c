"""Every method on digits, ResNet-20 -> ResNet-8: 3 minutes and 3 seeds each on a CPU.

The teacher comes from configs/teachers/digits_resnet20.py. In all about two hours.
"""

_reset = ['model.synthesizer.reset_round']  # a round of the config's own number of rounds
_pair = 'digits_resnet20_resnet8'
methods = dict(
    ssdkd=dict(config=f'configs/cls/{_pair}_ssdkd.py', label='SSD-KD'),
    dafl=dict(config=f'configs/baselines/dafl/{_pair}_dafl.py', label='DAFL'),
    zskt=dict(config=f'configs/baselines/zskt/{_pair}_zskt.py', label='ZSKT'),
    dfad=dict(config=f'configs/baselines/dfad/{_pair}_dfad.py', label='DFAD'),
    dfq=dict(config=f'configs/baselines/dfq/{_pair}_dfq.py', label='DFQ'),
    deepinversion=dict(
        config=f'configs/baselines/deepinversion/{_pair}_deepinversion.py',
        label='DeepInversion',
    ),
    cmi=dict(config=f'configs/baselines/cmi/{_pair}_cmi.py', label='CMI'),
    fast2=dict(
        config=f'configs/baselines/fast2/{_pair}_fast2.py', label='Fast-2', scale_rounds=_reset
    ),
    fast5=dict(
        config=f'configs/baselines/fast5/{_pair}_fast5.py', label='Fast-5', scale_rounds=_reset
    ),
    fast10=dict(
        config=f'configs/baselines/fast10/{_pair}_fast10.py',
        label='Fast-10',
        scale_rounds=_reset,
    ),
    oracle_real=dict(
        config=f'configs/baselines/oracle_real/{_pair}_oracle_real.py',
        label='oracle (real images, not data-free)',
    ),
    noise=dict(config=f'configs/baselines/noise/{_pair}_noise.py', label='noise'),
)
seeds = [0, 1, 2]
budget = dict(minutes=3)
reference = 'oracle_real'  # the ratios ask for 90 % of its result
ours = 'ssdkd'
