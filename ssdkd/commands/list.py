"""List the shipped configs and the registered components, plugins included."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'what',
        nargs='?',
        choices=['all', 'configs', 'components'],
        default='all',
        help='what to list (default: all)',
    )
    parser.add_argument(
        'modules',
        nargs='*',
        metavar='MODULE',
        help='modules to import first, as custom_imports of a config would, such as '
        'projects.example_sampler.sampler',
    )


def run(args: argparse.Namespace) -> None:
    if args.what != 'components':
        list_configs()
    if args.what != 'configs':
        list_components(args.modules)


def list_configs() -> None:
    """Print name and first line of every shipped config, and of what others are made of."""
    from ssdkd.config.names import parts, shipped_configs, summary

    groups = {
        'configs': shipped_configs(),
        'pairs, for ssdkd train PAIR --method METHOD --budget BUDGET': parts('pairs'),
        'methods': parts('methods'),
        'budgets': parts('schedules'),
    }
    for title, files in groups.items():
        print(title)
        for name, path in files.items():
            print(f'  {name:55} {summary(path)}')


def list_components(modules: list[str]) -> None:
    """Print every registered component with its first line and its origin."""
    from ssdkd.plugins import import_modules, load_plugins, origin
    from ssdkd.registry import ALL_REGISTRIES

    plugins = load_plugins(ALL_REGISTRIES)
    import_modules(modules)
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
