"""SSD-KD on CamVid and two controls, one hour per run on a CPU.

``uniform`` neither balances the buffer nor draws by priorities; ``noise`` also takes noise for
samples, a lower bound.
"""

_uniform = {
    'model.writer': dict(_delete_=True, type='RandomWriter'),
    'model.sampler': dict(_delete_=True, type='UniformSampler'),
    'model.modulation.diversity': False,
    'model.modulation.difficulty': False,
}
_noise = dict(_delete_=True, type='NoiseSynthesizer', image_size=(96, 128), samples=16)
base = dict(config='configs/seg/camvid_deeplab.py')
variants = dict(ssdkd={}, uniform=_uniform, noise={**_uniform, 'model.synthesizer': _noise})
seeds = [0]
budget = dict(minutes=60)
metric = 'mIoU'
ours = 'ssdkd'
