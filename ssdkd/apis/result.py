"""What distill() returns."""

import copy
from dataclasses import dataclass, field
from pathlib import Path

import torch
from mmengine.config import Config
from torch import nn

from ssdkd.apis.networks import sample_size
from ssdkd.errors import ConfigError
from ssdkd.models import Network
from ssdkd.runs.files import STUDENT


@dataclass
class DistillResult:
    """Result of :func:`distill`.

    Attributes:
        student: The caller's own module, trained, in evaluation mode; after
            ``distill(resume=...)`` without networks, that of the work directory.
        history: A dict of scalars per round, with ``round`` from 1: losses, agreement, figures
            of the buffer, and the metrics of the val set if there is one.
        buffer: The replay buffer with its samples; with several processes, that of this one.
        network: The trained student with its normalisation: images in [0, 1] to logits.
        config: The whole config, also in ``work_dir/config.py``.
        work_dir: Folder of logs, checkpoints, sample grids, ``student.pth`` and
            ``report.html``.
    """

    student: nn.Module = field(repr=False)
    history: list[dict[str, float]] = field(repr=False)
    buffer: nn.Module = field(repr=False)
    network: Network = field(repr=False)
    config: Config = field(repr=False)
    work_dir: Path

    def report(self, out: str | Path | None = None) -> Path:
        """Write the HTML page about the run, with its figures beside it.

        Args:
            out (str | Path, optional): The file. Defaults to ``report.html`` in the work
                directory, where :func:`distill` has written it already.
        """
        from ssdkd.visualization import write_report

        return Path(write_report(self.work_dir, out)[0])

    def export(
        self,
        form: str = 'onnx',
        out: str | Path | None = None,
        image_size: int | tuple[int, int] | None = None,
        tolerance: float = 1e-4,
    ) -> Path:
        """Write the student in another format, and compare the file with the module.

        It is what ``ssdkd export`` does, for any class of network.

        Args:
            form (str): ``'onnx'``, ``'torchscript'`` or ``'exported_program'``, which take
                images [N, C, H, W] in [0, 1] and hold the normalisation, or ``'state_dict'``.
            out (str | Path, optional): The file. Defaults to ``student`` with the suffix of the
                format, in the work directory.
            image_size (int | tuple[int, int], optional): Side or (H, W), which is fixed in the
                file. Defaults to that of the synthetic images.
            tolerance (float): Largest accepted difference, relative to the largest logit if
                that exceeds 1. Defaults to 1e-4.

        Returns:
            Path: The file.

        Raises:
            ConfigError: There is no such format, a package is missing, the format cannot
                express the network, or the difference is larger.
        """
        from ssdkd.export.student import SUFFIXES, export

        if form not in SUFFIXES:
            raise ConfigError(f"form='{form}' must be one of {', '.join(map(repr, SUFFIXES))}")
        default = self.work_dir / STUDENT
        path = Path(out) if out else default.with_name(default.stem + SUFFIXES[form])
        pair = image_size if isinstance(image_size, tuple | list) else [image_size]
        size = sample_size(self.config, None if image_size is None else list(pair))
        network = copy.deepcopy(self.network).cpu().eval()
        with torch.inference_mode(False):
            found = export(network, form, path, size, copy.deepcopy(network.model))
        if not found.within(tolerance):
            raise ConfigError(
                f"export('{form}'): the outputs of '{path}' differ from the student's by "
                f'{found.largest:.2e} (largest logit {found.scale:.3g}), which is more than '
                f'tolerance={tolerance}'
            )
        return path
