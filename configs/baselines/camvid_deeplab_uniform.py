"""configs/seg/camvid_deeplab.py without balancing and priority sampling."""

_base_ = ['../seg/camvid_deeplab.py']

model = dict(
    writer=dict(_delete_=True, type='RandomWriter'),
    sampler=dict(_delete_=True, type='UniformSampler'),
    balancing=dict(diversity=False, difficulty=False),
)
