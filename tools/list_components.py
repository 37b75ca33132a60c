"""Print every registered component with the first line of its docstring and its origin."""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from ssdkd.apis import command
from ssdkd.plugins import import_modules, load_plugins, origin
from ssdkd.registry import ALL_REGISTRIES


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'modules',
        nargs='*',
        help='modules to import first, as custom_imports of a config would, such as '
        'projects.example_sampler.sampler',
    )
    args = parser.parse_args()
    plugins = load_plugins(ALL_REGISTRIES)
    import_modules(args.modules)
    for registry in ALL_REGISTRIES:
        print(f'{registry.name}')
        for name in registry.names():
            component = registry.module_dict[name]
            doc = (component.__doc__ or '').strip().splitlines()
            source = origin(component)
            line = f'  {name:28} {doc[0] if doc else ""}'
            print(line + (f'  [{source}]' if source else ''))
    for plugin in plugins:
        print(plugin, f'skipped: {plugin.error}' if plugin.error else 'loaded')


if __name__ == '__main__':
    main()
