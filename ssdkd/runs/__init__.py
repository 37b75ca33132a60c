"""Files of a run: its folder, its checkpoints, and the settings in them."""

from ssdkd.runs.checkpoints import (
    check_unused,
    latest_checkpoint,
    newest_checkpoint,
    resume_point,
)
from ssdkd.runs.lock import locked
from ssdkd.runs.random_state import (
    new_seed,
    random_state,
    restore_generator,
    set_random_state,
)
from ssdkd.runs.round_log import RoundLog, read_json_lines, read_rounds
from ssdkd.runs.settings import changed_settings, plain_settings
from ssdkd.runs.unused import removed_if_unused

__all__ = [
    'RoundLog',
    'changed_settings',
    'check_unused',
    'latest_checkpoint',
    'locked',
    'new_seed',
    'newest_checkpoint',
    'plain_settings',
    'random_state',
    'restore_generator',
    'read_json_lines',
    'read_rounds',
    'removed_if_unused',
    'resume_point',
    'set_random_state',
]
