import torch

from projects.example_sampler.sampler import DisagreementSampler
from ssdkd.testing import check_sampler, filled_buffer


def test_contract():
    check_sampler(DisagreementSampler)


def test_draws_follow_the_divergence():
    sampler, buffer = DisagreementSampler(floor=1e-9), filled_buffer(3, 4)
    sampler.update(buffer, torch.arange(3), torch.tensor([1.0, 0.0, 3.0]))
    indices, _ = sampler.sample(buffer, 40_000)
    shares = indices.bincount() / 40_000
    assert torch.allclose(shares, torch.tensor([0.25, 0.0, 0.75]), atol=0.01)
