"""SSD-KD on CIFAR-10-JPEG with buffers of 1 to 20 % of the original 50,000 images."""

_config = dict(pair='cifar10jpeg_resnet56_resnet20', method='ssdkd_paper')
_buffer = 'model.buffer.capacity'
methods = dict(
    buffer1=dict(**_config, label='500 samples', x=1, options={_buffer: 500}),
    buffer5=dict(**_config, label='2,500', x=5, options={_buffer: 2_500}),
    buffer10=dict(**_config, label='5,000', x=10, options={_buffer: 5_000}),
    buffer20=dict(**_config, label='10,000', x=20, options={_buffer: 10_000}),
)
seeds = [0]
budget = dict(student_steps=960)  # about 30 minutes on one thread, for every buffer
ours = 'buffer10'
x = 'buffer (% of the original data)'
