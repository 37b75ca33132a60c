"""Latent-to-image networks."""

from ssdkd.generators.base import BaseGenerator
from ssdkd.generators.dcgan import DCGANGenerator
from ssdkd.generators.deep import DeepGenerator
from ssdkd.generators.shapes import ShapesGenerator, random_shapes

__all__ = [
    'BaseGenerator',
    'DCGANGenerator',
    'DeepGenerator',
    'ShapesGenerator',
    'random_shapes',
]
