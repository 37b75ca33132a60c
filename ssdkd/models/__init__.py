"""Teachers and students: CIFAR networks, and those of other libraries by name."""

from ssdkd.mmseg import mmseg_model
from ssdkd.models.channels import image_channels
from ssdkd.models.checkpoint import load_weights, recorded_classes
from ssdkd.models.cifar_resnet import CifarResNet
from ssdkd.models.classifier import Classifier
from ssdkd.models.network import Network, Teacher, channels_of, device_of, student_config
from ssdkd.models.observer import Observer
from ssdkd.models.output import NetworkOutput, recording
from ssdkd.models.precision import chosen_precision, has_bfloat16
from ssdkd.models.predictor import Predictor
from ssdkd.models.program import (
    Program,
    has_program,
    is_program,
    open_layers,
    read_program,
    wrap_programs,
)
from ssdkd.models.resnet import ResNet
from ssdkd.models.reuse import reuse_layers
from ssdkd.models.saved import saved_module
from ssdkd.models.vgg import VGG
from ssdkd.models.wide_resnet import WideResNet
from ssdkd.models.zoo import imported_model, timm_model, torchvision_model

__all__ = [
    'VGG',
    'channels_of',
    'CifarResNet',
    'Classifier',
    'Network',
    'NetworkOutput',
    'Observer',
    'Predictor',
    'Program',
    'ResNet',
    'Teacher',
    'WideResNet',
    'chosen_precision',
    'device_of',
    'has_bfloat16',
    'has_program',
    'image_channels',
    'imported_model',
    'is_program',
    'load_weights',
    'mmseg_model',
    'open_layers',
    'read_program',
    'recorded_classes',
    'recording',
    'reuse_layers',
    'saved_module',
    'student_config',
    'timm_model',
    'torchvision_model',
    'wrap_programs',
]
