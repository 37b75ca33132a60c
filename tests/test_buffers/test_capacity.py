import pytest

from ssdkd.buffers.capacity import check_capacity
from ssdkd.errors import ConfigError


@pytest.mark.parametrize(
    'numbers, message',
    [
        ((8, 16, 4), 'model.buffer.capacity=8 is smaller than model.batch_size=16; set the '
         'capacity to 16 or more, or lower the other number'),
        ((8, 8, 9), 'model.buffer.capacity=8 is smaller than model.synthesizer.samples=9 '
         '(where samples is not set, it is batch_size); set the capacity to 9 or more'),
        ((8, 16, 4, 3), 'model.buffer.capacity: 8 in each of 3 processes is smaller than '
         'model.batch_size=16; set the capacity to 48 or more'),
        ((8, 16, 4, 1, 'max_gib=0.5'), 'model.buffer.max_gib=0.5 leaves room for 8 samples, '
         'fewer than model.batch_size=16; raise that bound'),
        ((8, 8, 8), None),
    ],
)  # fmt: skip
def test_capacity(numbers, message):
    if message is None:
        check_capacity(*numbers)
        return
    with pytest.raises(ConfigError) as caught:
        check_capacity(*numbers)
    assert str(caught.value).startswith(message)
