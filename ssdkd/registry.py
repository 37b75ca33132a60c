"""Every registry of ssdkd, in one file.

A component is one class and one decorator::

    @SAMPLERS.register_module()
    class MySampler(BaseSampler): ...

and is named in a config by ``dict(type='MySampler', ...)``. Where mmengine has a root
registry, ours is its child; the families of the method stand alone. The first look into a
registry imports our own components and installed plugins (:mod:`ssdkd.plugins`).
``ssdkd list`` prints all that is registered.
"""

import inspect
from typing import Any

from mmengine import registry as root
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.model import BaseAveragedModel
from mmengine.registry import Registry
from torch import nn

from ssdkd.errors import ConfigError, nearest
from ssdkd.keyword_arguments import destination
from ssdkd.plugins import load_plugins


def argument_names(component: Any) -> list[str] | None:
    """Names of all arguments that a component takes; None if no one can say.

    A constructor that hands ``**kwargs`` to the next one takes that one's arguments as well, as
    a plugin does that derives from a component of ssdkd and adds an argument. What it does with
    them is read in its source (:func:`destination`).

    Args:
        component: A class or a function.
    """
    classes = component.__mro__[:-1] if inspect.isclass(component) else ()  # without object
    chain = [base.__init__ for base in classes if '__init__' in vars(base)] or [component]
    names: list[str] = []
    for base in chain:
        parameters = inspect.signature(base).parameters.values()
        names += [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        swallowing = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
        goes_to = destination(base, swallowing[0]) if swallowing else 'nowhere'
        if base is EMAHook.__init__:  # to the model that it averages in
            averaged = (c for c in root.MODELS.module_dict.values() if inspect.isclass(c))
            averaged = [c for c in averaged if issubclass(c, BaseAveragedModel)]
            names += [name for c in averaged for name in argument_names(c) or ()]
        elif goes_to == 'elsewhere' and base is not nn.Module.__init__:  # which takes none
            return None
        if goes_to != 'parent':
            return [name for name in dict.fromkeys(names) if name != 'self']
    return None


class ComponentRegistry(Registry):
    """A registry whose errors name the unknown word and similar known ones."""

    def build(self, cfg: dict, *args, **kwargs) -> Any:
        """Build the component that ``cfg['type']`` names.

        Raises:
            ConfigError: The name is not registered, or an argument is unknown or missing.
        """
        if not isinstance(cfg, dict | Config):
            raise ConfigError(f'{self.name}: {cfg!r} must be a dict with a type')
        if isinstance(cfg, dict) and 'type' not in cfg:
            raise ConfigError(
                f"{self.name}: {dict(cfg)} has no key 'type'; is the name before it misspelt?"
            )
        if isinstance(cfg, dict) and isinstance(cfg.get('type'), str):
            component = self.get(cfg['type'])
            if component is None:
                raise ConfigError(
                    f"{self.name}: unknown type '{cfg['type']}'"
                    + nearest(cfg['type'], self.names())
                )
            if inspect.isclass(component):
                self._check_arguments(component, cfg)
        return super().build(cfg, *args, **kwargs)

    def import_from_location(self) -> None:
        """Import our own components of this registry, and what installed plugins add."""
        super().import_from_location()
        load_plugins(ALL_REGISTRIES)

    def names(self) -> list[str]:
        """Names of all components registered here, built-in ones included."""
        self.import_from_location()
        return sorted(self.module_dict)

    def _check_arguments(self, component: type, cfg: dict) -> None:
        given = {k: v for k, v in cfg.items() if k not in ('type', '_scope_')}
        known = argument_names(component)
        for key in given:
            if known is not None and key not in known:
                raise ConfigError(
                    f"{self.name} '{cfg['type']}': unknown key '{key}'" + nearest(key, known)
                )
        missing = [
            n
            for n, p in inspect.signature(component).parameters.items()
            if p.default is p.empty
            and n not in given
            and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if missing:
            raise ConfigError(f"{self.name} '{cfg['type']}': missing key '{missing[0]}'")


# Children of mmengine's registries.
MODELS = ComponentRegistry(
    'model', parent=root.MODELS, scope='ssdkd', locations=['ssdkd.models', 'ssdkd.distillers']
)  # teachers, students, distillers
DATASETS = ComponentRegistry(
    'dataset', parent=root.DATASETS, scope='ssdkd', locations=['ssdkd.datasets']
)
METRICS = ComponentRegistry(
    'metric', parent=root.METRICS, scope='ssdkd', locations=['ssdkd.evaluation']
)
TRANSFORMS = ComponentRegistry(
    'transform', parent=root.TRANSFORMS, scope='ssdkd', locations=['ssdkd.datasets']
)
LOOPS = ComponentRegistry('loop', parent=root.LOOPS, scope='ssdkd', locations=['ssdkd.engine'])
HOOKS = ComponentRegistry('hook', parent=root.HOOKS, scope='ssdkd', locations=['ssdkd.engine'])
LOG_PROCESSORS = ComponentRegistry(
    'log_processor', parent=root.LOG_PROCESSORS, scope='ssdkd', locations=['ssdkd.engine']
)
OPTIM_WRAPPER_CONSTRUCTORS = ComponentRegistry(
    'optim_wrapper_constructor',
    parent=root.OPTIM_WRAPPER_CONSTRUCTORS,
    scope='ssdkd',
    locations=['ssdkd.engine'],
)
MODEL_WRAPPERS = ComponentRegistry(
    'model_wrapper', parent=root.MODEL_WRAPPERS, scope='ssdkd', locations=['ssdkd.engine']
)

# mmengine looks these up in the scope of a config too; they hold nothing of ours.
for _parent in (
    root.VISUALIZERS,
    root.VISBACKENDS,
    root.OPTIMIZERS,
    root.OPTIM_WRAPPERS,
    root.PARAM_SCHEDULERS,
    root.DATA_SAMPLERS,
    root.EVALUATOR,
    root.FUNCTIONS,
    root.RUNNERS,
    root.WEIGHT_INITIALIZERS,
):
    Registry(_parent.name, parent=_parent, scope='ssdkd')

# The families of the method.
GENERATORS = ComponentRegistry('generator', scope='ssdkd', locations=['ssdkd.generators'])
SYNTHESIZERS = ComponentRegistry('synthesizer', scope='ssdkd', locations=['ssdkd.synthesizers'])
LOSSES = ComponentRegistry('loss', scope='ssdkd', locations=['ssdkd.losses'])
MODULATIONS = ComponentRegistry('modulation', scope='ssdkd', locations=['ssdkd.modulation'])
BALANCING = MODULATIONS  # its name before
BUFFERS = ComponentRegistry('buffer', scope='ssdkd', locations=['ssdkd.buffers'])
WRITERS = ComponentRegistry('writer', scope='ssdkd', locations=['ssdkd.writers'])
SAMPLERS = ComponentRegistry('sampler', scope='ssdkd', locations=['ssdkd.samplers'])
TASKS = ComponentRegistry('task', scope='ssdkd', locations=['ssdkd.tasks'])
BATCH_TRANSFORMS = ComponentRegistry(
    'batch_transform', scope='ssdkd', locations=['ssdkd.transforms']
)

ALL_REGISTRIES = (
    MODELS,
    GENERATORS,
    SYNTHESIZERS,
    LOSSES,
    MODULATIONS,
    BUFFERS,
    WRITERS,
    SAMPLERS,
    TASKS,
    BATCH_TRANSFORMS,
    DATASETS,
    METRICS,
    TRANSFORMS,
    LOOPS,
    HOOKS,
    LOG_PROCESSORS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    MODEL_WRAPPERS,
)
