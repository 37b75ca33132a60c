"""SSD-KD with the paper's parts alone (Liu et al., CVPR 2024), within any budget.

Its settings for the published schedule are those of ssdkd.py. Within a CPU's budget, fewer and
smaller steps need:
- temperature 4 instead of 20 in the divergence, which makes the targets sharper;
- batch-norm statistics of the batch alone: an average over rounds reduces the gradient to a
  tenth and adapts too slowly;
- weights of the student's loss with mean 1, so that they do not make its step smaller;
- phi with the teacher's confidence at temperature 4: at 1 it is near 1 for most samples, and
  only a few samples would have a weight.
"""

_base_ = ['./ssdkd.py']

by_budget = {
    budget: dict(
        model=dict(
            synthesizer=dict(
                generator=generator,
                losses=dict(
                    bn=dict(momentum=0.0),
                    class_prior=dict(weight=0.5),
                    adversarial=dict(weight=1.0, temperature=4.0, decision=False),
                ),
                batch_size=batch_size,
                steps=3,
            ),
            buffer=dict(capacity=capacity),
            batch_size=batch_size,
            modulation=dict(temperature=4.0),
            normalize=True,
            distillation=dict(kl=dict(temperature=4.0)),
            channels_last=True,
        )
    )
    for budget, batch_size, capacity, generator in (
        ('cpu', 128, 5000, dict()),
        ('minutes', 64, 1000, dict(width=32, latent_dim=64)),
    )
}
