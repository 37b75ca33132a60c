"""Samples by what the student gained from earlier samples of their kind."""

import torch
from torch import Tensor

from ssdkd.deterministic import cumsum
from ssdkd.errors import ConfigError
from ssdkd.registry import SAMPLERS
from ssdkd.samplers import BaseSampler


@SAMPLERS.register_module()
class BanditSampler(BaseSampler):
    r"""A non-stationary bandit whose reward is the fall of a sample's divergence.

    Arms are kinds of samples: class (the largest share) times difficulty (rank of the latest
    divergence, in ``bins`` of equal size). When a slot is drawn again, its divergence minus the
    one at its draw before is the reward of the arm that it was in then: what the student gained
    on it since that use. An arm's value is the mean reward under exponential forgetting
    (discounted statistics, Garivier and Moulines, `arXiv 0805.3415
    <https://arxiv.org/abs/0805.3415>`_), in standard deviations of a reward over the mean of
    all arms, shrunk to 0 as if ``prior`` rewards of that mean had been seen:

    .. math:: Q_a = \frac{1}{\sigma} \frac{R_a - \mu C_a}{C_a + \text{prior}}, \qquad
              P_i = (1 - \epsilon) \frac{e^{Q_{a(i)} / \tau}}{\sum_j e^{Q_{a(j)} / \tau}}
                    + \frac{\epsilon}{N}, \qquad w_i = \frac{1}{N P_i}

    with the discounted number C and sum R of an arm's rewards. Rewarding progress under a
    Boltzmann policy follows Matiisen et al. 2017 (`arXiv 1707.00183
    <https://arxiv.org/abs/1707.00183>`_); their arms are tasks. The weights w correct all of
    the bias and are at most :math:`1 / \epsilon`.

    Like :class:`UniformSampler` it stores the latest divergence as the priority. A buffer
    that knows no classes has arms by difficulty alone.

    Args:
        bins (int): Levels of difficulty, at least 1. Defaults to 5.
        temperature (float): tau, > 0; small is greedy. Defaults to 0.2.
        exploration (float): epsilon, in (0, 1]; 1 is uniform. Defaults to 0.2.
        forgetting (float): Share of C and R that a step forgets, in [0, 1). Defaults to 0.01.
        prior (float): Rewards of the mean that every arm begins with, > 0. Defaults to 10.

    The defaults are a starting point, not a tuned setting.

    Raises:
        ConfigError: An argument is out of its range.
    """

    def __init__(
        self,
        bins: int = 5,
        temperature: float = 0.2,
        exploration: float = 0.2,
        forgetting: float = 0.01,
        prior: float = 10.0,
    ):
        for key, value, fits, domain in (
            ('bins', bins, bins >= 1, 'at least 1'),
            ('temperature', temperature, temperature > 0, '> 0'),
            ('exploration', exploration, 0 < exploration <= 1, 'in (0, 1]'),
            ('forgetting', forgetting, 0 <= forgetting < 1, 'in [0, 1)'),
            ('prior', prior, prior > 0, '> 0'),
        ):
            if not fits:
                raise ConfigError(f'BanditSampler: {key}={value} must be {domain}')
        self.bins, self.temperature, self.exploration = bins, temperature, exploration
        self.forgetting, self.prior = forgetting, prior
        # [3, arms]: discounted number, sum and sum of squares of the rewards.
        self._rewards = torch.zeros(3, 0, dtype=torch.float64)
        self._arm = torch.zeros(0, dtype=torch.int64)  # [M], of each slot's latest draw, or -1
        self._drawn = None  # arms of the latest draw, and whether their slots are new

    @torch.no_grad()
    def sample(self, buffer, n: int) -> tuple[Tensor, Tensor]:
        """Draw ``n`` slots with replacement -> indices [n] int64, weights [n] in (0, 1/eps]."""
        buffer.check_filled()
        arms = self.arms(buffer)
        p = self.probabilities(arms)
        ends = cumsum(p)
        indices = torch.searchsorted(ends, buffer.rand(n) * ends[-1], right=True)
        indices.clamp_(max=len(p) - 1)  # rounding
        weights = (1 / (len(p) * p[indices])).float()
        self._drawn = arms[indices], buffer.columns['uses'][indices] == 0
        buffer.columns['weight'][indices] = weights
        buffer.count_use(indices)
        return indices, weights

    @torch.no_grad()
    def update(self, buffer, indices: Tensor, divergence: Tensor) -> None:
        """Reward the arms of the slots' draws before, then remember this one."""
        indices = indices.to(buffer.device)
        arms, new = self._drawn
        reward = buffer.columns['priority'][indices].double() - divergence.to(arms.device)
        seen = reward.isfinite() & ~new
        reward = torch.where(seen, reward, 0.0)
        self._rewards *= 1 - self.forgetting
        moments = torch.stack([seen.double(), reward, reward**2])
        # A product, as a sum by index adds in no fixed order on an accelerator.
        kinds = torch.arange(self._rewards.shape[1], device=arms.device)
        self._rewards += moments @ (self._arm[indices].unsqueeze(1) == kinds).double()
        self._arm[indices] = arms
        buffer.set_priority(indices, divergence)

    def arms(self, buffer) -> Tensor:
        """The arm [N] of each filled slot, int64: difficulty + bins * class."""
        self._allocate(buffer)
        size = len(buffer)
        priority = buffer.columns['priority'][:size].contiguous()
        ranks = torch.arange(1, self.bins, device=priority.device) * size // self.bins
        arms = torch.bucketize(priority, priority.sort().values[ranks], right=True)
        if buffer.needs_facts:
            arms += self.bins * buffer.columns['class_share'][:size].argmax(1)
        return arms

    def probabilities(self, arms: Tensor) -> Tensor:
        """P [N] of slots in these arms, float64."""
        policy = torch.softmax(self.values()[arms] / self.temperature, dim=0)
        return (1 - self.exploration) * policy + self.exploration / len(arms)

    def values(self) -> Tensor:
        """Q [arms], float64; 0 is the mean reward."""
        number, total, square = self._rewards
        seen = number.sum().clamp(min=1e-9)
        mean = total.sum() / seen
        deviation = (square.sum() / seen - mean**2).clamp(min=1e-24).sqrt()
        return (total - mean * number) / (number + self.prior) / deviation

    def state_dict(self) -> dict:
        """The rewards so far, and each slot's arm at its latest draw."""
        return dict(rewards=self._rewards.clone(), arm=self._arm.clone())

    def load_state_dict(self, state: dict) -> None:
        """Go on from a :meth:`state_dict`."""
        self._rewards, self._arm = state['rewards'].clone(), state['arm'].clone()

    def deal(self, states: list[dict]) -> dict:
        """The mean of all rewards; of samples in other slots no arm is known."""
        rewards = torch.stack([state['rewards'] for state in states]).mean(0)
        return dict(rewards=rewards, arm=states[0]['arm'][:0])

    def _allocate(self, buffer) -> None:
        """Make room at the first draw; a checkpoint may have come to another device."""
        classes = buffer.columns['class_share'].shape[1] if buffer.needs_facts else 1
        if not len(self._arm):
            self._arm = self._arm.new_full((buffer.capacity,), -1)
        if not self._rewards.shape[1]:
            self._rewards = self._rewards.new_zeros(3, classes * self.bins)
        self._arm = self._arm.to(buffer.device)
        self._rewards = self._rewards.to(buffer.device)
