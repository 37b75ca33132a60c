"""Print every registered component with the first line of its docstring and its origin."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'modules',
        nargs='*',
        help='modules to import first, as custom_imports of a config would, such as '
        'projects.example_sampler.sampler',
    )


def run(args: argparse.Namespace) -> None:
    from ssdkd.plugins import import_modules, load_plugins, origin
    from ssdkd.registry import ALL_REGISTRIES

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
