"""SSD-KD on CamVid and two controls: without balance and priorities, and with noise.

One hour per run on a CPU.
"""

_config = 'configs/seg/camvid_deeplab.py'
_uniform = {
    'model.writer': dict(_delete_=True, type='RandomWriter'),
    'model.sampler': dict(_delete_=True, type='UniformSampler'),
    'model.modulation.diversity': False,
    'model.modulation.difficulty': False,
}
_noise = dict(_delete_=True, type='NoiseSynthesizer', image_size=(96, 128), samples=16)
methods = dict(
    ssdkd=dict(config=_config, label='SSD-KD'),
    uniform=dict(config=_config, label='neither balanced nor prioritised', options=_uniform),
    noise=dict(
        config=_config,
        label='noise: the lower bound',
        options={**_uniform, 'model.synthesizer': _noise},
    ),
)
seeds = [0]
budget = dict(minutes=60)
metric = 'mIoU'
ours = 'ssdkd'
