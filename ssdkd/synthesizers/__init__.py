"""Synthesizers: how a batch of samples is made."""

from ssdkd.synthesizers.base import BaseSynthesizer, SynthesisContext, check_batch
from ssdkd.synthesizers.contrastive import ContrastiveSynthesizer
from ssdkd.synthesizers.generator_synthesizer import GeneratorSynthesizer
from ssdkd.synthesizers.inversion import InversionSynthesizer, Phase
from ssdkd.synthesizers.meta import MetaSynthesizer
from ssdkd.synthesizers.noise import NoiseSynthesizer
from ssdkd.synthesizers.pixel import PixelSynthesizer
from ssdkd.synthesizers.real_image import RealImageSynthesizer

__all__ = [
    'BaseSynthesizer',
    'ContrastiveSynthesizer',
    'GeneratorSynthesizer',
    'InversionSynthesizer',
    'MetaSynthesizer',
    'NoiseSynthesizer',
    'Phase',
    'PixelSynthesizer',
    'RealImageSynthesizer',
    'SynthesisContext',
    'check_batch',
]
