"""Real images in place of synthetic samples: an upper bound, not a data-free method."""

import logging

import torch
from mmengine.dist import broadcast, get_rank, get_world_size
from mmengine.logging import print_log
from torch import Tensor, nn

from ssdkd.buffers import SampleBatch
from ssdkd.checks import check_int
from ssdkd.errors import ConfigError
from ssdkd.old_keys import accepts_old_keys
from ssdkd.registry import DATASETS, SYNTHESIZERS
from ssdkd.synthesizers.base import BaseSynthesizer, SynthesisContext
from ssdkd.transforms import to_unit_range


@SYNTHESIZERS.register_module()
@accepts_old_keys
class RealImageSynthesizer(BaseSynthesizer):
    """Returns real images: NOT DATA-FREE, an upper bound for data-free methods.

    Each round's batch is the next part of a shuffled pass over the data set; a pass deals every
    image once. Labels are not looked at. It trains nothing, so it wants no warm-up rounds.

    Args:
        dataset (dict): Config of a data set of this project, whose images must all have one
            size: give it an ``image_size`` where it takes one.
        samples (int): Samples per round, of each process.

    Raises:
        ConfigError: The data set cannot be read, or its images differ in size.
    """

    def __init__(self, dataset: dict, samples: int):
        check_int(self, 1, samples=samples)
        super().__init__()
        self.dataset = DATASETS.build(dataset)
        self.channels, *size = self.dataset[0]['inputs'].shape
        self.image_size = tuple(size)
        self.samples = samples
        # The present pass, and how far it has been dealt: the first one has yet to be drawn.
        self.register_buffer('order', torch.arange(len(self.dataset)))
        self.register_buffer('dealt', torch.tensor(len(self.dataset)))

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        print_log(
            f'RealImageSynthesizer: the student learns from {len(self.dataset)} REAL images; '
            'this is not data-free',
            'current',
            logging.WARNING,
        )

    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        # All processes go through one order, each takes its own part of what is dealt.
        hand = self._deal(self.samples * get_world_size(), context.rng)
        start = get_rank() * self.samples
        images = [self.dataset[i]['inputs'] for i in hand[start : start + self.samples]]
        sizes = {tuple(image.shape[-2:]) for image in images}
        if sizes != {self.image_size}:
            raise ConfigError(
                f'model.synthesizer.dataset: images of {sorted(sizes | {self.image_size})} '
                'pixels, but a batch needs one size; set its image_size'
            )
        return dict(image=to_unit_range(torch.stack(images).to(context.rng.device))), {}

    def _deal(self, n: int, rng: torch.Generator) -> list[int]:
        hand, dealt = [], int(self.dealt)
        while len(hand) < n:
            if dealt == len(self.order):
                order = torch.randperm(len(self.order), generator=rng, device=rng.device)
                broadcast(order)
                self.order.copy_(order)
                dealt = 0
            part = self.order[dealt : dealt + n - len(hand)]
            hand += part.tolist()
            dealt += len(part)
        self.dealt.fill_(dealt)
        return hand
