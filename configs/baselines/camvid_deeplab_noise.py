"""configs/seg/camvid_deeplab.py with Gaussian noise for samples: the lower bound."""

_base_ = ['../seg/camvid_deeplab.py']

model = dict(
    synthesizer=dict(
        _delete_=True, type='NoiseSynthesizer', image_size=(96, 128), batch_size=16
    ),
    writer=dict(_delete_=True, type='RandomWriter'),
    sampler=dict(_delete_=True, type='UniformSampler'),
    balancing=dict(diversity=False, difficulty=False),
)
