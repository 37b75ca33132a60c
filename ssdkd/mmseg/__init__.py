"""Everything specific to mmsegmentation: networks, data sets, files.

Other modules ask the functions here, and import nothing of mmseg themselves. mmseg is imported
when one of its components is built, so that everything else works without it.
"""

from ssdkd.mmseg.data import (
    DATA_PREPROCESSOR,
    METRIC,
    check_installed,
    dataset_facts,
    has_own_steps,
    has_step,
    is_installed,
    labelled_batch,
    missing_files,
)
from ssdkd.mmseg.files import init_model_files
from ssdkd.mmseg.networks import (
    is_mmseg_config,
    is_mmseg_model,
    mmseg_model,
    normalisation_of,
    num_outputs,
    without_pretrained,
)

__all__ = [
    'DATA_PREPROCESSOR',
    'METRIC',
    'check_installed',
    'dataset_facts',
    'has_own_steps',
    'has_step',
    'init_model_files',
    'is_installed',
    'is_mmseg_config',
    'is_mmseg_model',
    'labelled_batch',
    'missing_files',
    'mmseg_model',
    'normalisation_of',
    'num_outputs',
    'without_pretrained',
]
