"""Every method on digits, ResNet-20 -> ResNet-8: 3 seeds, 3 minutes per run on a CPU.

The teacher comes from configs/teachers/digits_resnet20.py. The benchmark takes about two hours.
"""

_reset = ['model.synthesizer.reset_round']  # a round number, scaled with the number of rounds
_pair = 'digits_resnet20_resnet8'
methods = dict(
    ssdkd=dict(pair=_pair, method='ssdkd', label='SSD-KD'),
    ssdkd_paper=dict(pair=_pair, method='ssdkd_paper', label="SSD-KD, the paper's parts"),
    dafl=dict(pair=_pair, method='dafl', label='DAFL'),
    zskt=dict(pair=_pair, method='zskt', label='ZSKT'),
    dfad=dict(pair=_pair, method='dfad', label='DFAD'),
    dfq=dict(pair=_pair, method='dfq', label='DFQ'),
    deepinversion=dict(
        pair=_pair,
        method='deepinversion',
        label='DeepInversion',
    ),
    cmi=dict(pair=_pair, method='cmi', label='CMI'),
    fast2=dict(pair=_pair, method='fast2', label='Fast-2', scale_rounds=_reset),
    fast5=dict(pair=_pair, method='fast5', label='Fast-5', scale_rounds=_reset),
    fast10=dict(
        pair=_pair,
        method='fast10',
        label='Fast-10',
        scale_rounds=_reset,
    ),
    oracle_real=dict(
        pair=_pair,
        method='oracle_real',
        label='oracle (real images, not data-free)',
    ),
    noise=dict(pair=_pair, method='noise', label='noise'),
)
seeds = [0, 1, 2]
budget = dict(minutes=3)
reference = 'oracle_real'  # the threshold of the ratios is 90 % of its result
ours = 'ssdkd'
