"""Methods on CIFAR-10-JPEG, ResNet-56 -> ResNet-20: 30 minutes per run on a CPU.

Three seeds for SSD-KD and the methods that its claim is about, one for the others: 26 runs, 13
hours. The additions at the end are further runs.
"""

_pair = 'cifar10jpeg_resnet56_resnet20'
_several = [0, 1, 2]
methods = dict(
    ssdkd=dict(pair=_pair, method='ssdkd', label='SSD-KD', seeds=_several),
    ssdkd_paper=dict(
        pair=_pair, method='ssdkd_paper', label="SSD-KD, the paper's parts", seeds=_several
    ),
    fast2=dict(pair=_pair, method='fast2', label='Fast-2', seeds=_several),
    fast10=dict(pair=_pair, method='fast10', label='Fast-10', seeds=_several),
    dfq=dict(pair=_pair, method='dfq', label='DFQ', seeds=_several),
    nayer=dict(pair=_pair, method='projects/nayer/nayer.py', label='NAYER', seeds=_several),
    cpnet=dict(pair=_pair, method='projects/cpnet/cpnet.py', label='CPNet', seeds=_several),
    cmi=dict(pair=_pair, method='cmi', label='CMI'),
    zskt=dict(pair=_pair, method='zskt', label='ZSKT'),
    dafl=dict(pair=_pair, method='dafl', label='DAFL'),
    noise=dict(pair=_pair, method='noise', label='noise'),
    oracle_real=dict(
        pair=_pair, method='oracle_real', label='oracle (real images, not data-free)'
    ),
)
seeds = [0]
budget = dict(minutes=30)
reference = 'oracle_real'  # the thresholds of the ratios are 80 and 90 % of its result
ours = 'ssdkd'

# What SSD-KD gains from parts that are not its own, for everyone: add=['gains']. The teacher's
# features; twice as many steps on half as large batches; where samples are drawn several times
# kept answers, and where they cost a forward pass alone more of them.
_features = dict(type='FeatureMatchingLoss', weight=3.0, skip_misfits=True)
_gains = {'model.distillation.features': _features, 'model.batch_size': 64}
_kept = {**_gains, 'model.keep_answers': True}
_fresh = {**_kept, 'model.synthesizer.samples': 640, 'train_cfg.steps_per_round': 80}
# As many samples in the store as SSD-KD has, for all with a store: add=['equal_samples']; with
# the gains in addition: add=['gains_equal_samples'].
_capacity = {'model.buffer.capacity': 5000}
_nayer = {**_kept, 'train_cfg.steps_per_round': 100}
_cmi = {**_kept, 'train_cfg.steps_per_round': 200}
additions = dict(
    gains=dict(
        ssdkd_paper=_fresh,
        fast2=_fresh,
        fast10=_fresh,
        dfq={**_gains, 'train_cfg.steps_per_round': 20},
        nayer=_nayer,
        cpnet=_nayer,
        cmi=_cmi,
        zskt={**_gains, 'train_cfg.steps_per_round': 20},
        dafl={**_gains, 'train_cfg.steps_per_round': 10},
        oracle_real={**_gains, 'train_cfg.steps_per_round': 20},
    ),
    equal_samples=dict(
        fast2=_capacity, fast10=_capacity, nayer=_capacity, cpnet=_capacity, cmi=_capacity
    ),
    gains_equal_samples=dict(
        fast2={**_fresh, **_capacity},
        fast10={**_fresh, **_capacity},
        nayer={**_nayer, **_capacity},
        cpnet={**_nayer, **_capacity},
        cmi={**_cmi, **_capacity},
    ),
)
add = []
