"""Data sets of mmsegmentation, and batches in the form that its metrics read."""

import importlib.util
import warnings
from pathlib import Path

from mmengine.config import Config
from mmengine.structures import PixelData
from torch import Tensor
from torch.utils.data import Dataset

from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS
from ssdkd.transforms import to_unit_range

# Its data sets read BGR, and leave it to the model to make a batch of images.
DATA_PREPROCESSOR = dict(
    type='SegDataPreProcessor',
    _scope_='mmseg',
    mean=[0.0],  # of any number of channels; only three are exchanged
    std=[255.0],
    bgr_to_rgb=True,
)
METRIC = dict(type='IoUMetric', _scope_='mmseg')


def is_installed() -> bool:
    """Whether mmsegmentation is installed."""
    return importlib.util.find_spec('mmseg') is not None


def check_installed(cfg: dict, path: str) -> None:
    """Raise a ``ConfigError`` if a component is one of mmseg, which is not installed.

    Args:
        cfg: Config of the component.
        path: Where it stands, for the message.
    """
    if _is_of_mmseg(cfg) and not is_installed():
        raise ConfigError(
            f"{path}.type: '{cfg['type']}' is of mmsegmentation, which is not installed; run "
            "pip install 'ssdkd[seg]'"
        )


def _is_of_mmseg(cfg: dict) -> bool:
    """Whether a component is one of mmseg, by its scope or by its dotted name."""
    name = cfg.get('type')
    dotted = isinstance(name, str) and name.startswith('mmseg.')
    return dotted or cfg.get('_scope_') == 'mmseg'


def missing_files(dataset: dict) -> list[tuple[str, Path]]:
    """Folders and lists of a data set of mmseg that are missing or empty.

    Args:
        dataset: Config of a data set; of another library, none is looked for.

    Returns:
        list[tuple[str, Path]]: The key that names it, and the path.
    """
    if not _is_of_mmseg(dataset):
        return []
    parts = {f'data_prefix.{k}': v for k, v in dataset.get('data_prefix', {}).items()}
    if dataset.get('ann_file'):
        parts['ann_file'] = dataset['ann_file']
    root = dataset.get('data_root') or ''
    paths = [(key, Path(root, part)) for key, part in parts.items()]
    return [
        (key, path)
        for key, path in paths
        if not path.exists() or (path.is_dir() and not any(path.iterdir()))
    ]


def has_own_steps(dataset: Dataset) -> bool:
    """Whether the pipeline of a data set has a step that may do anything to its labels.

    Those of mmseg, of the packages below it and of ssdkd keep them, or leave them out.
    """
    known = ('mmseg', 'mmcv', 'mmengine', 'ssdkd')
    return any(type(s).__module__.partition('.')[0] not in known for s in _steps(dataset))


def has_step(dataset: Dataset, kind: type) -> bool:
    """Whether the pipeline of a data set has a step of a class."""
    return any(isinstance(step, kind) for step in _steps(dataset))


def _steps(dataset: Dataset) -> list:
    return getattr(getattr(dataset, 'pipeline', None), 'transforms', [])


def dataset_facts(cfg: Config) -> tuple[dict | None, list | None]:
    """Class names and palette, and the pipeline, of a config's val set, without its files.

    None and None if it is not a data set of mmseg.
    """
    loader = cfg.get('val_dataloader') or cfg.get('test_dataloader') or {}
    dataset = loader.get('dataset')
    if not dataset or not _is_of_mmseg(dataset):
        return None, None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import mmseg.datasets  # noqa: F401  (registers them)
    known = DATASETS.get(f'mmseg.{dataset["type"].removeprefix("mmseg.")}')
    meta = {**getattr(known, 'METAINFO', {}), **(dataset.get('metainfo') or {})}
    return (meta or None), dataset.get('pipeline')


def labelled_batch(images: Tensor, labels: Tensor) -> dict:
    """A batch as mmseg's data sets give it: BGR up to 255, and one sample per image.

    Args:
        images: [N, C, H, W], RGB if C is 3, uint8 or in [0, 1].
        labels: [N, H, W] int64.

    Raises:
        ConfigError: mmseg is not installed.
    """
    if not is_installed():
        raise ConfigError(
            'val_loader: mmsegmentation measures mIoU, and is not installed; run pip install '
            "'ssdkd[seg]', or leave val_loader out"
        )
    from mmseg.structures import SegDataSample

    samples = []
    for label in labels:
        sample = SegDataSample(metainfo=dict(ori_shape=tuple(label.shape)))
        sample.gt_sem_seg = PixelData(data=label[None])
        samples.append(sample)
    images = to_unit_range(images)
    images = images.flip(1) if images.shape[1] == 3 else images
    return dict(inputs=list(255 * images), data_samples=samples)
