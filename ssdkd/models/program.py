"""Networks that come as a program, with their own code: TorchScript and torch.export."""

import copy
import io
from pathlib import Path

import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.models.file_formats import EXPORTED, TORCHSCRIPT, recognise
from ssdkd.registry import MODELS

NOT_TRAINED = (
    'is, or contains, TorchScript or a program of torch.export, which cannot be trained here; '
    'give the original module'
)


class Program(nn.Module):
    """A network of TorchScript or ``torch.export``, as a teacher.

    It runs on images of a whole batch, and gradients flow to them. It has one mode, that of
    evaluation, and nothing can look at its layers, so that losses cannot read them.

    Args:
        source (torch.jit.ScriptModule | torch.export.ExportedProgram | torch.fx.GraphModule):
            What ``torch.jit.load`` or ``torch.export.load`` returns, or the ``module()`` of an
            exported program. A ``ScriptModule`` is copied.
    """

    def __init__(self, source: nn.Module | torch.export.ExportedProgram):
        super().__init__()
        self.exported = source if isinstance(source, torch.export.ExportedProgram) else None
        self.module = source if self.exported is None else source.module()
        self.kind = 'a program of torch.export'
        self.batch: int | None = None  # the only number of images, if there is one
        if isinstance(self.module, torch.jit.ScriptModule):
            self.kind = 'TorchScript'
            # Its deepcopy has weights that are no leaves.
            file = io.BytesIO()
            torch.jit.save(source, file)
            file.seek(0)
            self.module = torch.jit.load(file).eval()
        else:
            nodes = (node for node in self.module.graph.nodes if node.op == 'placeholder')
            batch = getattr(next(nodes).meta.get('val'), 'shape', [None])[0]
            self.batch = batch if isinstance(batch, int) else None
        self.training = False

    def forward(self, images: Tensor) -> Tensor:
        """What the program returns for images [N, C, H, W]."""
        if self.batch not in (None, len(images)):
            raise ConfigError(
                f'the program was exported for batches of {self.batch} alone; export it for '
                "any, with dynamic_shapes=({0: torch.export.Dim('batch')},)"
            )
        return self.module(images)

    def train(self, mode: bool = True) -> 'Program':
        """Stay in the only mode."""
        return self

    def __deepcopy__(self, memo: dict) -> 'Program':
        source = self.module if self.exported is None else self.exported
        scripted = isinstance(source, torch.jit.ScriptModule)
        return Program(source if scripted else copy.deepcopy(source, memo))

    def __reduce__(self) -> tuple:
        content = io.BytesIO()
        if self.kind == 'TorchScript':
            torch.jit.save(self.module, content)
        elif self.exported is not None:
            torch.export.save(self.exported, content)
        else:
            raise TypeError('only the ExportedProgram can be saved, not its module()')
        return _read, (content.getvalue(), self.kind == 'TorchScript')


@MODELS.register_module('Program')
def read_program(file: str) -> Program:
    """Read a program that ``torch.jit.save`` or ``torch.export.save`` wrote.

    Warning: such a file carries code, which may call any operator of torch, also some that read
    and write files; one of ``torch.export`` may hold pickled Python, too. Load only what you
    trust. For a file from elsewhere, build its network by name and give its weights as
    ``checkpoint``.

    Args:
        file (str): The file.

    Raises:
        ConfigError: The file is missing, or holds something else.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise ConfigError(f"Program: key 'file': there is no file '{file}'")
    found = recognise(path)
    if found not in (TORCHSCRIPT, EXPORTED):
        what = found.what if found else 'no program'
        raise ConfigError(
            f"Program: '{file}' is {what}; write it by torch.jit.save or torch.export.save"
        )
    try:
        return _read(path.read_bytes(), found == TORCHSCRIPT)
    except Exception as error:  # of a damaged file, or a version of torch that differs
        raise ConfigError(
            f"Program: '{file}' cannot be read ({type(error).__name__}: {error}); write it "
            'again, with the torch that is installed here'
        ) from error


def _read(content: bytes, torchscript: bool) -> Program:
    file = io.BytesIO(content)
    if torchscript:
        return Program(torch.jit.load(file, map_location='cpu'))
    return Program(torch.export.load(file))


def is_program(network: object) -> bool:
    """Whether this is TorchScript, or an exported program or its ``module()``.

    Args:
        network (object): Anything.
    """
    if isinstance(network, torch.fx.GraphModule):
        try:
            network.train(network.training)
        except NotImplementedError:  # no other graph refuses it
            return True
    return isinstance(network, torch.jit.ScriptModule | torch.export.ExportedProgram)


def has_program(network: object) -> bool:
    """Whether this is a program, or contains one.

    Args:
        network (object): Anything.
    """
    modules = network.modules() if isinstance(network, nn.Module) else [network]
    return any(isinstance(m, Program) or is_program(m) for m in modules)


def wrap_programs(network: nn.Module | torch.export.ExportedProgram) -> nn.Module:
    """The network, or a copy in which TorchScript and exported programs are a ``Program``.

    Args:
        network (nn.Module | torch.export.ExportedProgram): Not changed.
    """
    if isinstance(network, torch.export.ExportedProgram):
        return Program(network)
    if not any(is_program(m) for m in open_layers(network).values()):
        return network
    # Where the copy would have these modules, it takes what stands for them here.
    programs, inside = {}, set()
    for module in network.modules():  # the outer ones first
        if id(module) not in inside and (isinstance(module, Program) or is_program(module)):
            inside |= {id(m) for m in module.modules()}
            programs[id(module)] = module if isinstance(module, Program) else Program(module)
    return copy.deepcopy(network, programs)


def open_layers(network: nn.Module) -> dict[str, nn.Module]:
    """The modules of a network by name, without those inside a :class:`Program`.

    Args:
        network (nn.Module): Any network.
    """
    modules = dict(network.named_modules())
    inside = tuple(
        f'{name}.module' if name else 'module'
        for name, module in modules.items()
        if isinstance(module, Program)
    )
    return {name: m for name, m in modules.items() if not name.startswith(inside)}
