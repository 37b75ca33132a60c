"""The contract, the embeddings, the noisy layers, and the life of the generator."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from projects.nayer.embeddings import load_embeddings, name_embeddings, number_embeddings
from projects.nayer.noisy_layer import NoisyLayers, deal_targets
from projects.nayer.rounds import redraw
from projects.nayer.synthesizer import NAYERSynthesizer
from ssdkd.errors import ConfigError
from ssdkd.generators import DCGANGenerator
from ssdkd.synthesizers import SynthesisContext
from ssdkd.tasks import Classification
from ssdkd.testing import check_synthesizer
from ssdkd.testing.networks import tiny_networks

K = 4
LOSSES = dict(
    bn=dict(type='BNStatisticsLoss', momentum=0.9),
    class_prior=dict(type='ClassPriorLoss'),
    adversarial=dict(type='AdversarialLoss', temperature=1.0, decision=True),
)
SMALL = dict(
    generator=dict(type='DCGANGenerator', latent_dim=8, image_size=8, width=4),
    losses=LOSSES,
    batch_size=2 * K + 2,
    steps=2,
    embedding_dim=16,
    crop_padding=1,
)


@pytest.mark.parametrize('life', [1, 2, 20])
def test_contract(life):
    check_synthesizer(NAYERSynthesizer, **SMALL, life=life)


def test_contract_with_names_and_less_than_a_pass():
    arguments = SMALL | dict(batch_size=K - 1, class_names=list('abcd'))
    check_synthesizer(NAYERSynthesizer, **arguments)


class Run:
    """A synthesizer with two networks, a round a call."""

    def __init__(self, **options):
        self.task = Classification(K)
        self.teacher, self.student = tiny_networks(self.task)
        self.synthesizer = NAYERSynthesizer(**SMALL | options)
        self.synthesizer.attach(self.teacher, K)
        self.rng = torch.Generator().manual_seed(0)
        self.round = 0

    def __call__(self):
        context = SynthesisContext(
            teacher=self.teacher,
            student=self.student,
            task=self.task,
            modulation=lambda logits: torch.ones(len(logits)),
            buffer=None,
            optim_wrapper={},
            rng=self.rng,
            round=self.round,
            warmup=False,
        )
        self.round += 1
        return self.synthesizer.synthesize(context)[0]['image']

    def weights(self):
        generator = self.synthesizer.generator
        return torch.cat([p.detach().flatten() for p in generator.parameters()])


def test_noisy_layers_change_every_round_and_the_generator_after_its_life():
    run = Run(generator_lr=0.0, life=2)  # so that nothing but new weights changes it
    images, weights = [], []
    for _ in range(4):
        images.append(run())
        weights.append(run.weights())
    assert all(not torch.equal(a, b) for a, b in zip(images, images[1:]))
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[2], weights[3])
    assert not torch.equal(weights[1], weights[2])


def test_samples_of_one_class_differ():
    images = Run()()
    distances = torch.cdist(images.flatten(1), images.flatten(1))
    assert distances[~torch.eye(len(images), dtype=bool)].min() > 1e-3


def test_training_brings_the_classes_asked_for():
    """Of a teacher with marked opinions, in the batch that is kept."""

    def loss(steps):
        terms = dict(ce=dict(type='ClassPriorLoss'))
        run = Run(losses=terms, steps=steps, batch_size=2 * K, crop_padding=0, flip=False)
        run.teacher.model.head.weight.mul_(20)
        logits = run.teacher(run())
        return F.cross_entropy(logits, torch.arange(2 * K) % K).item()

    assert loss(60) < 0.5 * loss(1)


def test_only_a_round_trains():
    run = Run()
    assert not any(p.requires_grad for p in run.synthesizer.parameters())
    before = run.weights()
    run()
    assert not torch.equal(before, run.weights())
    assert not any(p.requires_grad for p in run.synthesizer.parameters())


def test_noisy_layers_against_numpy():
    rng = torch.Generator().manual_seed(0)
    layers = NoisyLayers(8, num_classes=3, embedding_dim=5, latent_dim=7, rng=rng)
    with torch.no_grad():
        layers.bias.normal_(generator=rng)
    embeddings = torch.randn(8, 5, generator=rng)
    weight, bias = layers.weight.detach().numpy(), layers.bias.detach().numpy()
    expected = [x @ weight[i // 3] + bias[i // 3, 0] for i, x in enumerate(embeddings.numpy())]
    np.testing.assert_allclose(layers(embeddings).detach(), expected, rtol=1e-4, atol=1e-5)


def test_noisy_layers_are_standard_normal():
    rng = torch.Generator().manual_seed(0)
    layers = NoisyLayers(20, num_classes=10, embedding_dim=64, latent_dim=100, rng=rng)
    n = layers.weight.numel()
    assert layers.weight.shape == (2, 64, 100) and not layers.bias.any()
    assert layers.weight.mean().abs() < 4 / n**0.5
    assert abs(layers.weight.var() - 1) < 4 * (2 / n) ** 0.5


def test_targets_are_whole_passes_and_a_part_without_repetition():
    rng = torch.Generator().manual_seed(0)
    targets = deal_targets(11, 4, rng)
    assert targets[:8].tolist() == [0, 1, 2, 3] * 2
    assert len(set(targets[8:].tolist())) == 3
    ends = torch.stack([deal_targets(5, 4, rng)[-1] for _ in range(4000)])
    assert (ends.bincount(minlength=4) / 4000 - 0.25).abs().max() < 0.03


def test_redraw_is_as_a_new_network():
    network, rng = DCGANGenerator(8, 8, 4), torch.Generator().manual_seed(0)
    state = torch.get_rng_state()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(9)
    redraw(network, rng)
    assert torch.equal(state, torch.get_rng_state())
    bound = 8**-0.5  # uniform within 1 / sqrt(inputs), as torch.nn.Linear says
    weight = network.linear.weight.detach()
    assert weight.abs().max() <= bound and abs(weight.std() * 3**0.5 / bound - 1) < 0.1
    assert torch.equal(network.layers[0].weight, torch.ones(8))


def test_names_spelt_alike_are_near():
    maple, oak, cat = name_embeddings(['maple tree', 'oak tree', 'cat'], 512)
    assert maple @ oak > 0.3 > abs(maple @ cat)
    assert maple.norm() == pytest.approx(1)
    again = name_embeddings(['cat', 'maple tree', 'oak tree'], 512)
    assert torch.equal(again[1], maple)


def test_equal_names():
    with pytest.raises(ConfigError, match=r"class_names: \['a'\] cannot be told apart"):
        name_embeddings(['a', 'b', 'a'], 64)


def test_numbers_are_equally_far_from_each_other():
    rows = number_embeddings(10, 32)
    torch.testing.assert_close(rows @ rows.T, torch.eye(10), atol=1e-5, rtol=0)
    assert torch.equal(rows, number_embeddings(10, 32))
    assert len(number_embeddings(20, 8).unique(dim=0)) == 20


@pytest.mark.parametrize('name', ['rows.npy', 'rows.pt'])
def test_embeddings_of_a_file(name, tmp_path):
    rows = torch.randn(K, 6, dtype=torch.float64)
    path = tmp_path / name
    if path.suffix == '.npy':
        np.save(path, rows.numpy())
    else:
        torch.save(rows, path)
    run = Run(embeddings=str(path))
    assert torch.equal(run.synthesizer.embeddings, rows.float())
    assert run().shape == (SMALL['batch_size'], 3, 8, 8)


@pytest.mark.parametrize(
    'rows, message',
    [
        (torch.zeros(3, 6), r'has shape \[3, 6\], but must be \[4, E\]'),
        (torch.zeros(4), r'has shape \[4\], but must be \[4, E\]'),
        (torch.full((4, 2), float('nan')), 'not finite'),
        (torch.ones(4, 2), 'two equal rows'),
        (dict(a=torch.zeros(4, 2)), 'holds a dict'),
    ],
)
def test_files_that_will_not_do(rows, message, tmp_path):
    path = tmp_path / 'rows.pt'
    torch.save(rows, path)
    with pytest.raises(ConfigError, match=message):
        load_embeddings(str(path), 4)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match='no such file'):
        load_embeddings(str(tmp_path / 'rows.pt'), 4)
    for name, message in (('rows.txt', r"not '\.txt'"), ('rows.npy', 'cannot be read')):
        (tmp_path / name).write_text('1 2 3')
        with pytest.raises(ConfigError, match=message):
            load_embeddings(str(tmp_path / name), 4)


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(generator=SMALL['generator'] | dict(num_classes=4)),
            'num_classes=4 must be left',
        ),
        (dict(embeddings='a.pt', class_names=['a']), 'exclude each other'),
        (dict(batch_size=1), 'batch_size=1 must be at least 2'),
        (dict(life=0), 'life=0 must be at least 1'),
        (dict(class_names=['a', 'b']), 'class_names has 2 names for 4 classes'),
    ],
)
def test_arguments_that_will_not_do(options, message):
    with pytest.raises(ConfigError, match=message):
        Run(**options)
