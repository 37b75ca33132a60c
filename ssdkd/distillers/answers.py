"""What the teacher says of stored samples, as columns of the buffer beside them."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from ssdkd.buffers import ANSWER, SampleBatch
from ssdkd.errors import ConfigError
from ssdkd.models import NetworkOutput

LOGITS = f'{ANSWER}logits'


def to_columns(answers: NetworkOutput) -> SampleBatch:
    """Columns ``teacher/logits`` and, per call of a layer, ``teacher/<layer>/<call>``.

    Args:
        answers: Of one pass for N samples.

    Returns:
        dict: Each [N, ...].
    """
    columns = {LOGITS: answers.logits}
    for layer, calls in answers.features.items():
        columns |= {f'{ANSWER}{layer}/{i}': maps for i, maps in enumerate(calls)}
    return columns


def from_columns(
    columns: Mapping[str, Tensor], slots: Tensor, layers: Sequence[str]
) -> NetworkOutput:
    """The answers for some slots, as one pass of the teacher returns them.

    Args:
        columns: Those of a buffer.
        slots: [N] int64.
        layers: Names of the layers that the losses read.
    """
    features = {
        layer: [
            columns[name][slots] for name in columns if name.startswith(f'{ANSWER}{layer}/')
        ]
        for layer in layers
    }
    return NetworkOutput(columns[LOGITS][slots], features)


def check_kept(answers: NetworkOutput, n: int) -> None:
    """Check that the answers for ``n`` samples can be kept, a row for each.

    Raises:
        ConfigError: A layer returns something else.
    """
    for layer, calls in answers.features.items():
        for maps in calls:
            if isinstance(maps, Tensor) and maps.ndim and len(maps) == n:
                continue
            got = list(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
            raise ConfigError(
                f"model.keep_answers=True: the teacher's layer '{layer}', which a term of "
                f'model.distillation reads, returns {got} for {n} images, of which no row per '
                'image can be kept; set it to False, or name other layers'
            )
