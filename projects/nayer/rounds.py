"""Rounds in which a generator and new noisy layers learn from class embeddings."""

from abc import abstractmethod

import torch
from mmengine.dist import all_reduce, broadcast
from torch import Tensor, nn

from projects.nayer.noisy_layer import NoisyLayers, deal_targets
from ssdkd.buffers import SampleBatch
from ssdkd.generators import BaseGenerator
from ssdkd.synthesizers import SynthesisContext
from ssdkd.synthesizers.inversion import InversionSynthesizer, Phase


class NoisyLayersSynthesizer(InversionSynthesizer):
    """Base class: each round trains the generator with new noisy layers and a new Adam.

    What enters the generator is the embedding of a class, through a batch norm and the noisy
    layers (:class:`NoisyLayers`). Generator and batch norm begin again after ``life`` rounds;
    outside of a round they are frozen, so that no other optimizer takes them. In a distributed
    run all processes keep the same ones, and each has noisy layers of its own.

    Attributes:
        generator: Its ``latent_dim`` is the width of the noisy layers.
        norm: The batch norm of the embeddings.
        embeddings: [K, E], a buffer.
        generator_lr: Learning rate of Adam.
        life: Rounds after which generator and batch norm begin again.
    """

    generator: BaseGenerator
    norm: nn.BatchNorm1d
    embeddings: Tensor
    generator_lr: float
    life: int

    @abstractmethod
    def step(
        self, phase: Phase, latents: Tensor, targets: Tensor, context: SynthesisContext
    ) -> Tensor:
        """The loss of one step [], after ``phase.keep`` has seen it with its images.

        Args:
            phase: Of the round.
            latents: [N, Z], from the noisy layers.
            targets: [N] int64, the classes that were asked for.
            context: Of the round.
        """

    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        phase, rng = self.begin(context), context.rng
        lasting = nn.ModuleList([self.norm, self.generator])
        if context.round % self.life == 0:
            redraw(lasting, rng)
        targets = deal_targets(self.batch_size, self.num_classes, rng)
        embeddings = self.embeddings[targets]
        noisy = NoisyLayers(
            self.batch_size,
            self.num_classes,
            embeddings.shape[1],
            self.generator.latent_dim,
            rng,
        )
        lasting.requires_grad_(True)
        optimizer = torch.optim.Adam(
            [*lasting.parameters(), *noisy.parameters()], self.generator_lr, betas=(0.5, 0.999)
        )
        for _ in range(self.steps):
            total = self.step(phase, noisy(self.norm(embeddings)), targets, context)
            optimizer.zero_grad()
            total.backward()
            for parameter in lasting.parameters():
                all_reduce(parameter.grad, 'mean')
            optimizer.step()
        optimizer.zero_grad()
        lasting.requires_grad_(False)
        best, log = phase.finish()
        return dict(image=best['image'].float(), target=targets), log


def redraw(network: nn.Module, rng: torch.Generator) -> None:
    """Give all layers the random weights of a new network, in all processes the same."""
    seed = torch.randint(2**31, (1,), generator=rng, device=rng.device)
    broadcast(seed)
    devices = [rng.device] if rng.device.type == 'cuda' else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(int(seed))
        for layer in network.modules():
            if hasattr(layer, 'reset_parameters'):
                layer.reset_parameters()
