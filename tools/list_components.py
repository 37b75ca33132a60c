"""Print every registered component with the first line of its docstring."""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from ssdkd.registry import ALL_REGISTRIES


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    for registry in ALL_REGISTRIES:
        print(f'{registry.name}')
        for name in registry.names():
            doc = (registry.module_dict[name].__doc__ or '').strip().splitlines()
            print(f'  {name:28} {doc[0] if doc else ""}')


if __name__ == '__main__':
    main()
