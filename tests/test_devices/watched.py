"""At which moments of a round the host waits for the pretend device, and where it may."""

import re
from collections import defaultdict
from pathlib import Path

from helpers import ROOT, build_runner
from mmengine.config import Config
from pretend_device import PretendDevice, Wait, pretend_device

from ssdkd.distillers import ReplayDistiller
from ssdkd.engine import DistillLoop
from ssdkd.registry import SYNTHESIZERS

STEP, PHASE, STORING, END = (
    'step of the student',
    'generator phase',
    'storing',
    'end of a round',
)


def documented() -> dict[str, int]:
    """Parts of a round to their number of waits, as docs/devices.md has them."""
    text = (ROOT / 'docs/devices.md').read_text()
    table = text.partition('| part of a round |')[2].partition('\n\n')[0]
    rows = re.findall(r'^\| ([^|]+) \| (\d+) \|', table, re.MULTILINE)
    return {part.replace('`', ''): int(waits) for part, waits in rows}


def expected(cfg: Config) -> dict[str, int]:
    """How often the host may wait in a round that overwrites samples."""
    table, model = documented(), cfg.model
    on_host = model.buffer.get('device') == 'cpu'
    phase = table.get(f'{PHASE}, {model.synthesizer.type}', table[PHASE])
    storing = table['storing, over old samples']
    if model.buffer.type == 'FreshBuffer':
        storing = table['storing, into free slots']
    elif model.writer.type == 'CrowdedWriter':
        storing = table['storing, over old samples with CrowdedWriter']
    if on_host:
        storing += table['storing, images on the host, in addition']
    step = table[f'{STEP}, images on the host'] if on_host else table[STEP]
    return {
        STEP: cfg.train_cfg.steps_per_round * step,
        PHASE: phase,
        STORING: storing,
        END: table[END],
    }


class Rounds:
    """The waits of each round, by its parts."""

    def __init__(self, monkeypatch, cfg: Config):
        self.rounds: list[dict[str, list[Wait]]] = []
        self.device: PretendDevice | None = None
        synthesizer = SYNTHESIZERS.get(cfg.model.synthesizer.type)
        for owner, name, part in (
            (ReplayDistiller, 'train_step', STEP),
            (synthesizer, 'synthesize', PHASE),
            (ReplayDistiller, 'store', STORING),
            (DistillLoop, 'run_round', END),
        ):
            monkeypatch.setattr(owner, name, self._watched(getattr(owner, name), part))

    def _watched(self, function, part: str):
        def watched(*args, **kwargs):
            waits = self.device.waits
            if part == END:
                waits.clear()
                self.rounds.append(defaultdict(list))
            before = len(waits)
            result = function(*args, **kwargs)
            self.rounds[-1][part] += waits[before:]
            del waits[before:]
            return result

        return watched


def watched_rounds(cfg: Config, monkeypatch) -> list[dict[str, list[Wait]]]:
    """Train on a pretend device."""
    rounds = Rounds(monkeypatch, cfg)
    with pretend_device() as rounds.device:
        runner = build_runner(cfg)
        runner.train()
        model, where = runner.model, cfg.model.buffer.get('device') or 'pretend'
        assert {p.device.type for p in model.parameters()} == {'pretend'}
        assert {b.device.type for b in model.buffers()} == {'pretend'}
        assert model.rng.device.type == 'pretend'
        for name, column in model.buffer.columns.items():
            assert column.device.type == (where if name == 'image' else 'pretend'), name
    return rounds.rounds


def check_waits(cfg: Config, monkeypatch) -> None:
    """The second of two rounds, which overwrites all samples, waits where the docs say."""
    synthesizer = cfg.model.synthesizer
    cfg.model.buffer.capacity = synthesizer.get('samples') or synthesizer.batch_size
    cfg.train_cfg.update(max_rounds=2, warmup_rounds=0, steps_per_round=2)
    if 'steps' in synthesizer:
        synthesizer.steps = 2
    cfg.custom_hooks = []  # they look at the last round
    cfg.default_hooks.checkpoint.update(interval=100, save_last=False)
    second = watched_rounds(cfg, monkeypatch)[1]
    found = {part: len(waits) for part, waits in second.items()}
    assert found == expected(cfg), {part: sorted(set(w)) for part, w in second.items()}


def name_of(path: Path) -> str:
    return path.stem
