"""Contract checks: whether a component follows the contract of its base class.

One line in the test of a plugin, ``check_sampler(MySampler)``; the components of ssdkd are
tested by the same functions.
"""

from ssdkd.testing.batch_transforms import check_batch_transform
from ssdkd.testing.buffers import check_buffer
from ssdkd.testing.common import ContractError, filled_buffer
from ssdkd.testing.generators import check_generator
from ssdkd.testing.losses import check_loss
from ssdkd.testing.modulation import check_modulation
from ssdkd.testing.samplers import check_sampler
from ssdkd.testing.synthesizers import check_synthesizer
from ssdkd.testing.tasks import check_task
from ssdkd.testing.writers import check_writer

check_balancing = check_modulation  # its name before

__all__ = [
    'ContractError',
    'check_batch_transform',
    'check_buffer',
    'check_generator',
    'check_loss',
    'check_modulation',
    'check_sampler',
    'check_synthesizer',
    'check_task',
    'check_writer',
    'filled_buffer',
]
