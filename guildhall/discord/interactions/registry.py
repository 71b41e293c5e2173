"""Which function answers which command, button, form and completion; and the definitions that Discord is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .context import Answer, Choices, Context

Handler = Callable[[Context], Answer]
Pressed = Callable[[Context, list[str]], Answer]
Completer = Callable[[Context, str], Choices]
LaterTask = Callable[..., dict[str, object]]

STRING, INTEGER, BOOLEAN, USER, NUMBER, ATTACHMENT = 3, 4, 5, 6, 10, 11


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command. `complete` names a completer."""

    name: str
    description: str
    kind: int = STRING
    required: bool = False
    choices: tuple[str, ...] = ()
    complete: str = ""
    least: int | None = None

    def as_json(self) -> dict[str, object]:
        body: dict[str, object] = {"name": self.name, "description": self.description, "type": self.kind}
        if self.required:
            body["required"] = True
        if self.choices:
            body["choices"] = [{"name": choice, "value": choice} for choice in self.choices]
        if self.complete:
            body["autocomplete"] = True
        if self.least is not None:
            body["min_value" if self.kind in (INTEGER, NUMBER) else "min_length"] = self.least
        return body


@dataclass(slots=True)
class Command:
    """A command, or a command with subcommands (then `handlers` has one for each)."""

    name: str
    description: str
    options: list[Option] = field(default_factory=list)
    subcommands: dict[str, tuple[str, list[Option]]] = field(default_factory=dict)
    handlers: dict[str, Handler] = field(default_factory=dict)

    def option(self, subcommand: str, name: str) -> Option | None:
        """Return an option by name."""
        options = self.subcommands[subcommand][1] if subcommand in self.subcommands else self.options
        return next((option for option in options if option.name == name), None)

    def as_json(self) -> dict[str, object]:
        """Return the definition as Discord takes it: in the guild alone, required options first."""
        body: dict[str, object] = {"name": self.name, "description": self.description, "type": 1, "contexts": [0]}
        if self.subcommands:
            body["options"] = [
                {"type": 1, "name": name, "description": description, "options": _json(options)}
                for name, (description, options) in self.subcommands.items()
            ]
        else:
            body["options"] = _json(self.options)
        return body


def _json(options: list[Option]) -> list[dict[str, object]]:
    return [option.as_json() for option in sorted(options, key=lambda option: not option.required)]


commands: dict[str, Command] = {}
buttons: dict[str, Pressed] = {}
forms: dict[str, Pressed] = {}
completers: dict[str, Completer] = {}
later_tasks: dict[str, LaterTask] = {}


def command(name: str, description: str, *options: Option) -> Callable[[Handler], Handler]:
    """Register a command."""

    def register(handler: Handler) -> Handler:
        commands[name] = Command(name, description, list(options), handlers={"": handler})
        return handler

    return register


def subcommand(
    name: str, sub: str, description: str, *options: Option, about: str = ""
) -> Callable[[Handler], Handler]:
    """Register a subcommand; `about` describes the command itself and is given with its first one."""

    def register(handler: Handler) -> Handler:
        found = commands.setdefault(name, Command(name, about or name))
        found.subcommands[sub] = (description, list(options))
        found.handlers[sub] = handler
        return handler

    return register


def button(prefix: str) -> Callable[[Pressed], Pressed]:
    """Register what happens when a button whose id begins with ``prefix:`` is pressed; it gets the rest in parts."""

    def register(handler: Pressed) -> Pressed:
        buttons[prefix] = handler
        return handler

    return register


def form(prefix: str) -> Callable[[Pressed], Pressed]:
    """Register what happens when a form whose id begins with `prefix` is sent."""

    def register(handler: Pressed) -> Pressed:
        forms[prefix] = handler
        return handler

    return register


def completer(name: str) -> Callable[[Completer], Completer]:
    """Register suggestions for options that name them."""

    def register(handler: Completer) -> Completer:
        completers[name] = handler
        return handler

    return register


def later(name: str) -> Callable[[LaterTask], LaterTask]:
    """Register work that the worker does; it answers the message to show. It must bear being called twice."""

    def register(handler: LaterTask) -> LaterTask:
        later_tasks[name] = handler
        return handler

    return register


def definitions() -> list[dict[str, object]]:
    """Return all commands as `PUT /applications/{id}/commands` takes them."""
    return [found.as_json() for found in sorted(commands.values(), key=lambda c: c.name)]
