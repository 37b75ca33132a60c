"""Latent-to-image networks."""

from ssdkd.generators.base import BaseGenerator
from ssdkd.generators.dcgan import DCGANGenerator
from ssdkd.generators.deep import DeepGenerator

__all__ = ['BaseGenerator', 'DCGANGenerator', 'DeepGenerator']
