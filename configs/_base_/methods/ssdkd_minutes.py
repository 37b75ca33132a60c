"""SSD-KD for 32x32 images within minutes on a CPU: small batches, generator and buffer."""

_base_ = ['./ssdkd_cpu.py']

model = dict(
    synthesizer=dict(generator=dict(width=32, latent_dim=64), batch_size=64, samples=320),
    buffer=dict(capacity=1000),
    batch_size=64,
)
