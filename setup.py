from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements(name: str) -> list[str]:
    lines = (HERE / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


setup(
    name='ssdkd',
    version='0.1.0',
    description='Data-free knowledge distillation: a trained teacher in, a small student out',
    long_description=(HERE / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['ssdkd', 'ssdkd.*']),
    python_requires='>=3.10',
    install_requires=requirements('runtime'),
    extras_require={
        'seg': requirements('seg'),
        'analysis': requirements('analysis'),
        'export': requirements('export'),
        'cluster': requirements('cluster'),
        'docs': requirements('docs'),
        'test': requirements('test'),
        'all': [
            requirement
            for name in ('seg', 'analysis', 'export', 'cluster', 'docs', 'test')
            for requirement in requirements(name)
        ],
    },
)
