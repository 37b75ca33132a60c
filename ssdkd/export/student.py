"""Export of a network to other formats, with a check of the outputs."""

import copy
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from ssdkd.atomic import write_whole
from ssdkd.engine.plain_weights import save_plain
from ssdkd.errors import ConfigError
from ssdkd.mmseg import is_mmseg_model, without_pretrained
from ssdkd.models import Network, channels_of

SUFFIXES = {
    'state_dict': '.state_dict.pth',
    'torchscript': '.torchscript.pt',
    'onnx': '.onnx',
    'exported_program': '.pt2',
}
CHECKED_BATCHES = (1, 3)  # neither is the one that the network is traced with
TRACED_BATCH = 2
ONNX_PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')
# The bytes of a file, and what they do once they are loaded: images to logits.
Artefact = tuple[bytes, Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class Difference:
    """Difference between the outputs of the exported file and of the network.

    Attributes:
        largest: Largest absolute difference of a logit.
        scale: Largest absolute logit of the network.
    """

    largest: float
    scale: float

    def within(self, tolerance: float) -> bool:
        """Whether it is at most the tolerance, relative to the logits where they exceed 1."""
        return self.largest <= tolerance * max(1.0, self.scale)


def export(
    network: Network,
    form: str,
    path: Path,
    size: tuple[int, int],
    model: dict | nn.Module,
    meta: dict | None = None,
    pipeline: list | None = None,
) -> Difference:
    """Write a network in a format and compare it with the module on random images.

    All formats but ``state_dict`` hold the normalisation, take images [N, C, H, W] in [0, 1],
    RGB if C is 3, for any N, and return the logits (of a segmentor: per pixel).
    An old file stays until the new one has been made and loaded.

    Args:
        network (Network): The network, in evaluation mode, on the CPU.
        form (str): A key of ``SUFFIXES``.
        path (Path): File to write.
        size (tuple[int, int]): (H, W) of the images.
        model (dict | nn.Module): The plain network again, or its config, which loads the state
            dict.
        meta (dict, optional): See :func:`ssdkd.engine.plain_weights.save_plain`.
        pipeline (list, optional): See there.

    Returns:
        Difference: Over batches of 1 and of 3 images.

    Raises:
        ConfigError: A package is missing, or the format cannot express the network.
    """
    require_packages(form)
    shape = (TRACED_BATCH, network.channels, *size)
    example = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network(example)  # says what is taken as logits, which a traced pass should not
    if form == 'state_dict':
        save_plain(network, path, meta, pipeline)
        run = _load_plain(path, network, model)
    else:
        try:
            with warnings.catch_warnings(), torch.no_grad():
                # Of shapes that are fixed, which is what is asked for, and of torch's own code.
                warnings.simplefilter('ignore')
                content, run = SERIALIZERS[form](network, example)
        except ConfigError:
            raise
        except Exception as error:  # each exporter has its own exceptions, and many of them
            raise ConfigError(
                f'--format {form} cannot express this network ({type(error).__name__}: '
                f'{str(error).splitlines()[0][:300]}); choose another format'
            ) from error
        write_whole(path, content)
    return compare(network, run, size)


@torch.no_grad()
def compare(
    network: nn.Module, run: Callable[[Tensor], Tensor], size: tuple[int, int]
) -> Difference:
    """Compare the logits of both for random images of uniform pixels.

    Args:
        network: The module.
        run: Calls the artefact.
        size: (H, W) of the images.
    """
    rng = torch.Generator().manual_seed(1)
    largest, scale = 0.0, 0.0
    for n in CHECKED_BATCHES:
        images = torch.rand(n, channels_of(network), *size, generator=rng)
        expected, found = network(images), run(images)
        if found.shape != expected.shape:
            raise RuntimeError(f'the artefact returns {found.shape}, not {expected.shape}')
        difference = (found - expected).abs().max()
        # Not max(): a NaN must win.
        largest = float(torch.maximum(difference, torch.tensor(largest)))
        scale = max(scale, float(expected.abs().max()))
    return Difference(largest, scale)


def require_packages(form: str) -> None:
    """Raise a ``ConfigError`` if a package that a format needs is missing."""
    if form != 'onnx':
        return
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"--format onnx needs {', '.join(missing)}; run pip install 'ssdkd[export]'"
        )


def _load_plain(
    path: Path, network: Network, model: dict | nn.Module
) -> Callable[[Tensor], Tensor]:
    """Load the file as a user does: a new network, ``load_state_dict``, normalised images."""
    model = without_pretrained(copy.deepcopy(model))
    if isinstance(model, dict) and model.get('type') in ('timm', 'torchvision'):
        for key in ('pretrained', 'weights'):
            model.pop(key, None)
    mean, std = network.mean.flatten().tolist(), network.std.flatten().tolist()
    fresh = Network(
        model,
        mean,
        std,
        checkpoint=str(path),
        output=network.reader.output,
        channels=network.channels,
    )
    state = torch.load(path, map_location='cpu', weights_only=True)
    # Once more, without the lenience of our own loading.
    fresh.model.load_state_dict(state['state_dict'] if is_mmseg_model(fresh.model) else state)
    return fresh.eval()


def _torchscript(network: Network, example: Tensor) -> Artefact:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(network, example, check_trace=False), file)
    return file.getvalue(), torch.jit.load(_reopened(file))


def _exported_program(network: Network, example: Tensor) -> Artefact:
    batch = torch.export.Dim('batch')
    program = torch.export.export(network, (example,), dynamic_shapes=({0: batch},))
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue(), torch.export.load(_reopened(file)).module()


def _onnx(network: Network, example: Tensor) -> Artefact:
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim('batch')},),
            input_names=['images'],
            output_names=['logits'],
            verbose=False,
        )
    # All in one file, weights included; the format ends at 2 GiB.
    content = program.model_proto.SerializeToString()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, ['CPUExecutionProvider'])
    return content, partial(_run_session, session)


def _reopened(file: io.BytesIO) -> io.BytesIO:
    file.seek(0)
    return file


def _run_session(session, images: Tensor) -> Tensor:
    return torch.from_numpy(session.run(None, {'images': images.numpy()})[0])


@contextmanager
def _quiet():
    """torch's exporter logs its optional packages as warnings."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


SERIALIZERS = {
    'torchscript': _torchscript,
    'exported_program': _exported_program,
    'onnx': _onnx,
}
