"""Where a constructor's ``**kwargs`` go, as its source says."""

import ast
import inspect
import textwrap
from collections.abc import Callable

# mmengine's checkpoint hook keeps them for Runner.save_checkpoint, which it gives all of its
# arguments by other ways: one that comes here is an error at the first checkpoint.
UNUSABLE = 'mmengine.hooks.checkpoint_hook'


def destination(function: Callable, name: str) -> str:
    """What a function does with its keyword arguments of any name.

    Args:
        function: A constructor, or another function.
        name: Name of its ``**`` parameter.

    Returns:
        str: ``'parent'`` if all it does is to call ``super().__init__(..., **kwargs)``, or
        ``Parent.__init__(self, ..., **kwargs)``, and perhaps to set single ones;
        ``'nowhere'`` if it does not use them; otherwise, or if there is no source,
        ``'elsewhere'``, where no one can say which of them are right.
    """
    if function.__module__ == UNUSABLE:
        return 'nowhere'
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        body = ast.parse(source).body[0].body
    except (AttributeError, IndexError, OSError, SyntaxError, TypeError):
        return 'elsewhere'
    nodes = [node for statement in body for node in ast.walk(statement)]
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    handed_on = {
        id(keyword.value)
        for call in nodes
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith('.__init__')
        for keyword in call.keywords
        if keyword.arg is None
    }
    set_alone = {
        id(node.value)
        for node in nodes
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    } | {
        id(node.func.value)
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f'{name}.setdefault'
    }
    if not uses:
        return 'nowhere'
    rest = [use for use in uses if id(use) not in handed_on | set_alone]
    return 'elsewhere' if rest or not any(id(use) in handed_on for use in uses) else 'parent'
