"""Check of a buffer's capacity against the batches that it takes and gives."""

from ssdkd.errors import ConfigError


def check_capacity(
    capacity: int,
    batch_size: int,
    samples: int,
    processes: int = 1,
    bound: str = 'capacity',
) -> None:
    """Check that a buffer holds what a round stores and what a step draws.

    Args:
        capacity: Slots of one process.
        batch_size: Samples that a step of the student draws.
        samples: Samples that a round stores.
        processes: Processes of the run; each has as many slots.
        bound: Which of the buffer's settings limits it.

    Raises:
        ConfigError: One of the two is larger.
    """
    slots = f'model.buffer.capacity={capacity}'
    if processes > 1:
        slots = f'model.buffer.capacity: {capacity} in each of {processes} processes'
    for key, size, note in (
        ('model.batch_size', batch_size, ''),
        ('model.synthesizer.samples', samples, ' (where samples is not set, it is batch_size)'),
    ):
        if capacity >= size:
            continue
        if bound != 'capacity':
            raise ConfigError(
                f'model.buffer.{bound} leaves room for {capacity} samples, fewer than '
                f'{key}={size}{note}; raise that bound, or lower the other number'
            )
        raise ConfigError(
            f'{slots} is smaller than {key}={size}{note}; set the capacity to '
            f'{size * processes} or more, or lower the other number'
        )
