"""Latent-to-image networks."""

from ssdkd.generators.base import BaseGenerator
from ssdkd.generators.dcgan import DCGANGenerator
from ssdkd.generators.deep import DeepGenerator
from ssdkd.generators.shapes import ShapesGenerator, random_shapes
from ssdkd.generators.sizes import build_generator

__all__ = [
    'BaseGenerator',
    'DCGANGenerator',
    'DeepGenerator',
    'ShapesGenerator',
    'build_generator',
    'random_shapes',
]
