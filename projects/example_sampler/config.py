_base_ = '../../configs/cls/digits_resnet20_resnet8_ssdkd.py'
custom_imports = dict(imports='projects.example_sampler.sampler')
model = dict(sampler=dict(_delete_=True, type='DisagreementSampler'))
work_dir = 'work_dirs/example_sampler'
