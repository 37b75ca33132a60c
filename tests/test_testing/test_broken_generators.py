"""A generator that breaks a rule is told which."""

import pytest
import torch
from torch import nn

from ssdkd.generators import DCGANGenerator
from ssdkd.testing import ContractError, check_generator

SMALL = dict(latent_dim=5, width=4, image_size=8)


class NoGenerator(nn.Module):
    def __init__(self, latent_dim, width, image_size):
        super().__init__()


class OneSide(DCGANGenerator):
    def __init__(self, latent_dim, width, image_size):
        super().__init__(latent_dim, image_size, width)
        self.image_size = image_size


class Fails(DCGANGenerator):
    def forward(self, z, labels=None):
        return super().forward(z[:, :3], labels)


class Grey(DCGANGenerator):
    def forward(self, z, labels=None):
        return super().forward(z, labels)[:, :1]


class Signed(DCGANGenerator):
    def forward(self, z, labels=None):
        return 2 * super().forward(z, labels) - 1


class NormalisesLatents(DCGANGenerator):
    def forward(self, z, labels=None):
        with torch.no_grad():
            z /= z.norm()
        return super().forward(z, labels)


class Detached(DCGANGenerator):
    def forward(self, z, labels=None):
        return super().forward(z.detach(), labels)


class UnusedWeights(DCGANGenerator):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.spare = nn.Linear(2, 2)


class BatchNormOfEvaluation(DCGANGenerator):
    def forward(self, z, labels=None):
        for layer in self.layers:
            layer.train()
        return super().forward(z, labels)


class ReadsLabels(DCGANGenerator):
    def forward(self, z, labels=None):
        shift = 0 if labels is None else labels[:, None]
        return super().forward(z + shift, labels)


class Noisy(DCGANGenerator):
    def forward(self, z, labels=None):
        return super().forward(z + torch.randn_like(z), labels)


class Dropout(DCGANGenerator):
    """Random in training only."""

    def forward(self, z, labels=None):
        return super().forward(nn.functional.dropout(z, 0.2, self.training), labels)


class HiddenState(DCGANGenerator):
    def forward(self, z, labels=None):
        if self.training:
            self.shift = z.detach().mean()
        return super().forward(z + getattr(self, 'shift', 0), labels)


class NeedsNoLabels(DCGANGenerator):
    def condition(self, z, labels):
        return super().condition(z, torch.zeros(len(z)).long() if labels is None else labels)


class DeafToLabels(DCGANGenerator):
    def condition(self, z, labels):
        return super().condition(z, None if labels is None else 0 * labels)


GENERATORS = {
    NoGenerator: 'be a BaseGenerator',
    OneSide: r'have image_size as \(H, W\)',
    Fails: r'make images of latents \[4, 5\]; raised',
    Grey: r'return images as a floating tensor \[4, 3, 8, 8\]; got float32 \[4, 1',
    Signed: r'return images in \[0, 1\]',
    NormalisesLatents: 'leave the latents as they are',
    Detached: 'make each image depend on its latent',
    UnusedWeights: "use each of its weights.*'spare.weight' gets none",
    BatchNormOfEvaluation: 'make, in evaluation mode, each image from its own latent',
    ReadsLabels: 'ignore labels',
    Noisy: 'depend on latents and labels alone',
    Dropout: 'depend on latents and labels alone',
    HiddenState: 'make the same images after load_state_dict',
}


@pytest.mark.parametrize('component', GENERATORS)
def test_broken_generator(component):
    rule = f'^{component.__name__} must {GENERATORS[component]}'
    if component is Noisy:  # whatever it does first
        rule = '^Noisy must'
    with pytest.raises(ContractError, match=rule):
        check_generator(component, **SMALL)


@pytest.mark.parametrize(
    'component, rule',
    [(NeedsNoLabels, 'refuse, with a ConfigError'), (DeafToLabels, 'heed the labels')],
)
def test_broken_conditional_generator(component, rule):
    with pytest.raises(ContractError, match=f'^{component.__name__} must {rule}'):
        check_generator(component, num_classes=3, **SMALL)
