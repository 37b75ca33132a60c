"""Every method on digits, ResNet-20 -> ResNet-8: 3 seeds, 3 minutes per run on a CPU.

The teacher comes from configs/teachers/digits_resnet20.py. The benchmark takes about two and a
half hours, and each of the additions at the end about two more.
"""

_pair = 'digits_resnet20_resnet8'
methods = dict(
    ssdkd=dict(pair=_pair, method='ssdkd', label='SSD-KD'),
    ssdkd_paper=dict(pair=_pair, method='ssdkd_paper', label="SSD-KD, the paper's parts"),
    dafl=dict(pair=_pair, method='dafl', label='DAFL'),
    zskt=dict(pair=_pair, method='zskt', label='ZSKT'),
    dfad=dict(pair=_pair, method='dfad', label='DFAD'),
    dfq=dict(pair=_pair, method='dfq', label='DFQ'),
    deepinversion=dict(pair=_pair, method='deepinversion', label='DeepInversion'),
    cmi=dict(pair=_pair, method='cmi', label='CMI'),
    fast2=dict(pair=_pair, method='fast2', label='Fast-2'),
    fast5=dict(pair=_pair, method='fast5', label='Fast-5'),
    fast10=dict(pair=_pair, method='fast10', label='Fast-10'),
    nayer=dict(pair=_pair, method='projects/nayer/nayer.py', label='NAYER'),
    cpnet=dict(pair=_pair, method='projects/cpnet/cpnet.py', label='CPNet'),
    oracle_real=dict(
        pair=_pair, method='oracle_real', label='oracle (real images, not data-free)'
    ),
    noise=dict(pair=_pair, method='noise', label='noise'),
)
seeds = [0, 1, 2]
budget = dict(minutes=3)
reference = 'oracle_real'  # the thresholds of the ratios are 80 and 90 % of its result
ours = 'ssdkd'

# What SSD-KD gains from parts that are not its own, for everyone: add=['gains']. Twice as many
# steps on half as large batches, and where samples are drawn several times kept answers.
_small = {'model.batch_size': 32}
_kept = {**_small, 'model.keep_answers': True}
_fresh = {**_kept, 'model.synthesizer.samples': 640, 'train_cfg.steps_per_round': 80}
# As many samples in the store as SSD-KD has, for all with a store: add=['equal_samples'].
_capacity = {'model.buffer.capacity': 1000}
additions = dict(
    gains=dict(
        ssdkd_paper=_fresh,
        fast2=_fresh,
        fast5=_fresh,
        fast10=_fresh,
        nayer={**_kept, 'train_cfg.steps_per_round': 60},
        cpnet={**_kept, 'train_cfg.steps_per_round': 60},
        deepinversion={**_kept, 'train_cfg.steps_per_round': 100},
        cmi={**_kept, 'train_cfg.steps_per_round': 100},
        dfq={**_small, 'train_cfg.steps_per_round': 20},
        zskt={**_small, 'train_cfg.steps_per_round': 20},
        dafl={**_small, 'train_cfg.steps_per_round': 10},
        dfad={**_small, 'train_cfg.steps_per_round': 10},
        oracle_real={**_small, 'train_cfg.steps_per_round': 20},
    ),
    equal_samples={
        name: _capacity
        for name in ('deepinversion', 'cmi', 'fast2', 'fast5', 'fast10', 'nayer', 'cpnet')
    },
)
add = []
