"""Methods on CIFAR-10-JPEG, ResNet-56 -> ResNet-20: 30 minutes per run on a CPU.

Three seeds for SSD-KD and Fast-2, one for the others: 16 runs, eight hours.
"""

_reset = ['model.synthesizer.reset_round']  # a round number, scaled with the number of rounds
_pair = 'cifar10jpeg_resnet56_resnet20'
_several = [0, 1, 2]
methods = dict(
    ssdkd=dict(pair=_pair, method='ssdkd', label='SSD-KD', seeds=_several),
    ssdkd_paper=dict(
        pair=_pair, method='ssdkd_paper', label="SSD-KD, the paper's parts", seeds=_several
    ),
    fast2=dict(
        pair=_pair,
        method='fast2',
        label='Fast-2',
        scale_rounds=_reset,
        seeds=_several,
    ),
    fast10=dict(
        pair=_pair,
        method='fast10',
        label='Fast-10',
        scale_rounds=_reset,
    ),
    cmi=dict(pair=_pair, method='cmi', label='CMI'),
    dfq=dict(pair=_pair, method='dfq', label='DFQ'),
    zskt=dict(pair=_pair, method='zskt', label='ZSKT'),
    dafl=dict(pair=_pair, method='dafl', label='DAFL'),
    noise=dict(pair=_pair, method='noise', label='noise'),
    oracle_real=dict(
        pair=_pair,
        method='oracle_real',
        label='oracle (real images, not data-free)',
    ),
)
seeds = [0]
budget = dict(minutes=30)
reference = 'oracle_real'  # the threshold of the ratios is 90 % of its result
ours = 'ssdkd'
