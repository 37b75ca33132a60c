"""Digits, ResNet-20 -> WRN-10-2: SSD-KD with a hint from the teacher's last stage."""

_base_ = '../../configs/cls/digits_resnet20_resnet8_ssdkd.py'
custom_imports = dict(imports='projects.distillers.hint_loss')
model = dict(
    student=dict(
        model=dict(_delete_=True, type='WideResNet', depth=10, widen_factor=2, num_classes=10)
    ),
    distillation=dict(
        hint=dict(
            type='HintLoss',
            student_channels=128,
            teacher_channels=64,
            layers={'block3': 'layer3'},
        )
    ),
)
work_dir = 'work_dirs/hint_loss'
