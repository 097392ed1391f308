"""Options that belong together are one parameter of a command: a named tuple of them."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any, TypeAlias

Command: TypeAlias = Callable[..., None]


def spread(**groups: Any) -> Callable[[Command], Command]:
    """Let typer see the fields of named tuples as options. groups: a parameter's name -> its type,
    of which each field is annotated as an option and has a default.
    """

    def decorate(command: Command) -> Command:
        shown: list[Parameter] = []
        for each in signature(command, eval_str=True).parameters.values():
            fields = _options(groups[each.name]) if each.name in groups else [each]
            shown += [field.replace(kind=Parameter.KEYWORD_ONLY) for field in fields]

        def called(**said: Any) -> None:
            packed = {
                name: kind(**{field: said.pop(field) for field in kind._fields})
                for name, kind in groups.items()
            }
            command(**said, **packed)

        called.__signature__ = Signature(shown)  # type: ignore[attr-defined]
        called.__annotations__ = {each.name: each.annotation for each in shown}
        called.__doc__, called.__name__ = command.__doc__, command.__name__
        return called

    return decorate


def _options(kind: Any) -> list[Parameter]:
    """The fields of a named tuple as parameters."""
    said = kind.__annotations__
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=said[name])
        for name, default in kind._field_defaults.items()
    ]
