"""Plugins: installed packages with an entry point, and modules of ``custom_imports``."""

import importlib
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mmengine.logging import print_log
from mmengine.registry import Registry

from ssdkd.errors import ConfigError
from ssdkd.paths import PROJECTS

GROUP = 'ssdkd.plugins'


@dataclass(frozen=True)
class Plugin:
    """An entry point that was found.

    Attributes:
        name: The entry point's name.
        module: The module that it imports.
        package: Name and version of the package that declares it.
        error: Why it was skipped, in one line; None if it was loaded.
    """

    name: str
    module: str
    package: str
    error: str | None = None

    def __str__(self) -> str:
        return f"plugin '{self.name}' ({self.module}, of {self.package})"


_found: list[Plugin] | None = None


def load_plugins(registries: Sequence[Registry]) -> list[Plugin]:
    """Import what installed packages declare in the group ``ssdkd.plugins``, once per process.

    A plugin that cannot be imported is named in a warning and skipped, with whatever it had
    registered until then: one package must not keep all the others from working.

    Args:
        registries: Where plugins may register components.

    Returns:
        list[Plugin]: All that were found, by name.
    """
    global _found
    if _found is None:
        _found = []  # at once: a plugin may look something up in a registry while it loads
        found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
        if found:
            # Ours first, so that whoever takes a name twice is the plugin, and is told so.
            for registry in registries:
                registry.import_from_location()
        for point in found:
            _found.append(_load(point, registries))
    return _found


def import_modules(names: str | Iterable[str], allow_failed_imports: bool = False) -> None:
    """Import the modules that ``custom_imports`` of a config names.

    They are also looked for in the current folder and beside the shipped ``projects``, so that
    ``projects.my_sampler.sampler`` can be imported.

    Args:
        names: Dotted names of modules.
        allow_failed_imports: Warn instead of raising.

    Raises:
        ConfigError: A module cannot be imported; the message says which, and why.
    """
    places = [os.getcwd(), str(PROJECTS.parent)]
    # At the end, so that a folder of the user's cannot stand in the way of a library.
    sys.path.extend(place for place in places if place not in sys.path)
    importlib.invalidate_caches()  # a folder of projects/ may be new in this process
    for name in [names] if isinstance(names, str) else names:
        try:
            importlib.import_module(name)
        except Exception as error:
            message = f"custom_imports: '{name}' cannot be imported: {_line(error)}"
            if isinstance(error, ModuleNotFoundError):
                message += f'; looked for in PYTHONPATH, {" and ".join(dict.fromkeys(places))}'
            if name.endswith('.py'):
                message += f"; write '{name[:-3].replace('/', '.')}'"
            if not allow_failed_imports:
                raise ConfigError(message) from error
            print_log(message, 'current', logging.WARNING)


def is_ours(component: Any) -> bool:
    """Whether a registered component belongs to ssdkd itself."""
    return module_of(component).split('.')[0] == 'ssdkd'


def module_of(component: Any) -> str:
    """Where a registered component is defined; a partial function does not say."""
    return getattr(component, '__module__', None) or type(component).__module__


def origin(component: Any) -> str:
    """Where a component comes from: empty for ours, otherwise a package or a module."""
    if is_ours(component):
        return ''
    module = module_of(component)
    for plugin in _found or ():
        if plugin.module.split('.')[0] == module.split('.')[0]:
            return plugin.package
    return module


def _load(point: EntryPoint, registries: Sequence[Registry]) -> Plugin:
    package = f'{point.dist.name} {point.dist.version}' if point.dist else 'an unknown package'
    plugin = Plugin(point.name, point.value, package)
    before = [set(registry.module_dict) for registry in registries]
    try:
        point.load()
    except (Exception, SystemExit) as error:
        for registry, names in zip(registries, before):
            for name in registry.module_dict.keys() - names:
                del registry.module_dict[name]
        plugin = Plugin(point.name, point.value, package, _line(error))
        print_log(f'{plugin} is skipped: {plugin.error}', 'current', logging.WARNING)
    return plugin


def _line(error: BaseException) -> str:
    return f'{type(error).__name__}: {" ".join(str(error).split())}'
