"""Columns that a synthesizer brings: from there to the buffer, the sampler and the student."""

import pytest
import torch
from helpers import build_distiller, build_runner

from ssdkd.distillers import ReplayDistiller
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS, SAMPLERS, SYNTHESIZERS
from ssdkd.samplers import BaseSampler
from ssdkd.synthesizers import NoiseSynthesizer


class ColourSynthesizer(NoiseSynthesizer):
    """Images of one shade of grey each, with the shade and the number of the sample."""

    def synthesize(self, context):
        shade = torch.rand(self.samples, generator=context.rng)
        image = shade[:, None, None, None].expand(-1, 3, *self.image_size).clone()
        number = torch.arange(self.samples) + self.samples * context.round
        return dict(image=image, shade=shade, number=number), {}


class DarkestSampler(BaseSampler):
    """Draws the darkest samples, by the column of the synthesizer."""

    def sample(self, buffer, n):
        buffer.check_filled()
        indices = buffer.columns['shade'][: len(buffer)].argsort()[:n]
        buffer.count_use(indices)
        return indices, torch.ones(n)


class Reader(ReplayDistiller):
    """A distiller that looks at the columns of each student step."""

    def train_step(self, data, optim_wrapper):
        drawn = []
        sample = self.sampler.sample

        def watched(buffer, n):
            indices, weights = sample(buffer, n)
            drawn.append(buffer[indices])
            return indices, weights

        self.sampler.sample = watched
        outputs = super().train_step(data, optim_wrapper)
        self.sampler.sample = sample
        self.seen = drawn[0]
        return outputs | dict(shade=drawn[0]['shade'].mean())


@pytest.fixture
def colours(tiny, monkeypatch):
    """The config of a run with the three classes above."""
    for registry, component in (
        (SYNTHESIZERS, ColourSynthesizer),
        (SAMPLERS, DarkestSampler),
        (MODELS, Reader),
    ):
        monkeypatch.setitem(registry.module_dict, component.__name__, component)
    return tiny(
        {
            'model.type': 'Reader',
            'model.synthesizer': dict(
                _delete_=True, type='ColourSynthesizer', image_size=16, samples=16
            ),
            'model.sampler': dict(_delete_=True, type='DarkestSampler'),
            'train_cfg.warmup_rounds': 1,
        }
    )


def test_columns_reach_the_sampler_and_the_student(colours):
    runner = build_runner(colours)
    runner.train()
    distiller = runner.model
    shade = distiller.buffer.columns['shade'][:48]  # of three rounds after the warm-up
    number = distiller.buffer.columns['number'][:48]
    assert number.tolist() == list(range(16, 64))
    image = distiller.buffer.columns['image'][:48].float() / 255
    torch.testing.assert_close(image[:, 0, 0, 0], shade, atol=0.5 / 255 + 1e-6, rtol=0)
    assert torch.equal(distiller.seen['shade'], shade.sort().values[:16])


def test_columns_are_resumed(colours):
    runner = build_runner(colours)
    runner.train()
    resumed = build_distiller(colours)
    resumed.load_training_state(runner.model.training_state())
    for name in ('shade', 'number'):
        assert torch.equal(
            resumed.buffer.columns[name][:48], runner.model.buffer.columns[name][:48]
        )


def test_targets_and_latents_of_the_shipped_config_are_stored(tiny):
    runner = build_runner(tiny())
    runner.train()
    columns = runner.model.buffer.columns
    assert columns['target'].shape == (64,) and columns['target'].unique().numel() > 2
    assert columns['latent'].shape == (64, 16) and columns['latent'][:48].std() > 0.5


class Careless(NoiseSynthesizer):
    def synthesize(self, context):
        return super().synthesize(context)[0]['image'], {}


def test_a_batch_without_columns_is_refused_before_it_is_stored(tiny, monkeypatch):
    monkeypatch.setitem(SYNTHESIZERS.module_dict, 'Careless', Careless)
    options = dict(_delete_=True, type='Careless', image_size=16, samples=16)
    distiller = build_distiller(tiny({'model.synthesizer': options}))
    with pytest.raises(ConfigError, match='Careless.synthesize returns Tensor as its batch'):
        distiller.synthesize(None, warmup=True)
