"""Digits, ResNet-20 -> ResNet-8: SSD-KD with a bandit in place of priority sampling."""

_base_ = '../../configs/cls/digits_resnet20_resnet8_ssdkd.py'
custom_imports = dict(imports='projects.bandit_sampler.sampler')
model = dict(sampler=dict(_delete_=True, type='BanditSampler'))
work_dir = 'work_dirs/bandit_sampler'
