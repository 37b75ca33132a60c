"""SSD-KD on digits with buffers of 5 to 70 % of the original 1,437 images.

The last size is the default of the config. 1 % would be 14 images, less than a student batch.
"""

_config = 'configs/cls/digits_resnet20_resnet8_ssdkd.py'
_buffer = 'model.buffer.capacity'
methods = dict(
    buffer5=dict(config=_config, label='72 samples', x=5, options={_buffer: 72}),
    buffer10=dict(config=_config, label='144', x=10, options={_buffer: 144}),
    buffer20=dict(config=_config, label='287', x=20, options={_buffer: 287}),
    buffer70=dict(config=_config, label='1,000', x=70, options={_buffer: 1_000}),
)
seeds = [0, 1, 2]
budget = dict(student_steps=380)  # about 3 minutes on one thread, for every buffer
ours = 'buffer70'
x = 'buffer (% of the original data)'
