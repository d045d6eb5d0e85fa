"""What was most likely meant by a command line that cannot be taken as it is: a line that can be typed instead.

Whoever mistypes a word, glues two together, swaps them, or looks for a command where another program has it, reads the line
they meant, with everything else they typed. Where nobody can know (a missing argument), an example of the command is named.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

import click

from skupper_local.cli.commands import MachineCommand
from skupper_local.cli.switches import written_out

_REMOVES = ("delete", "teardown", "uninstall")
"""Commands that take something away."""

_NEAR = 0.6
_VERY_NEAR = 0.85

_SYNONYMS = {
    **dict.fromkeys(("get", "list", "ls", "show", "describe", "view", "info"), "status"),
    **dict.fromkeys(("rm", "remove", "del", "destroy"), "delete"),
    **dict.fromkeys(("add", "new", "make"), "create"),
    **dict.fromkeys(("edit", "set", "change", "modify"), "update"),
    **dict.fromkeys(("run", "launch"), "start"),
    **dict.fromkeys(("restart", "refresh"), "reload"),
    **dict.fromkeys(("log",), "logs"),
}
"""Words of other programs for what a group calls otherwise."""


@dataclass(frozen=True)
class Elsewhere:
    """A command that people look for and that is not here: why, and what to type for the same end."""

    why: str
    next_step: str


ELSEWHERE: dict[str, Elsewhere] = {
    "token": Elsewhere(
        "links between sites are made from a file here, not from a token: one site prints it, the other applies it",
        "on the site that is linked to: skupper-local link generate > link.yaml\n"
        "on the other site: skupper-local system apply -f link.yaml",
    ),
    "network": Elsewhere(
        "what this site sees of the network is told by link and by service", "skupper-local service status"
    ),
    "console": Elsewhere(
        "there is no console in the browser; the same is told here", "skupper-local service status"
    ),
    "controller": Elsewhere(
        "no controller is needed: commands bring declarations into effect themselves",
        "skupper-local system reload",
    ),
    "manifest": Elsewhere(
        "the router's image and version stand in the status", "skupper-local system status"
    ),
    "init": Elsewhere("a site is declared, then started", "skupper-local site create my-site"),
    "gateway": Elsewhere(
        "every machine is a site of its own, so there are no gateways", "skupper-local site create my-site"
    ),
    "namespace create": Elsewhere(
        "a namespace is there as soon as something is declared in it",
        "skupper-local site create west -n west",
    ),
    "namespace delete": Elsewhere(
        "a namespace goes with its site, its declarations and its keys",
        "skupper-local system teardown -n west",
    ),
    "system setup": Elsewhere(
        "a platform is prepared by install, a site is brought up by start", "skupper-local system install"
    ),
    "system network-observer": Elsewhere(
        "what this site sees of the network is told by link and by service", "skupper-local service status"
    ),
    "attached-connector": Elsewhere(
        "attached connectors join namespaces of one Kubernetes cluster; here a connector leads to any host",
        "skupper-local connector create --help",
    ),
}
"""Commands of the reference, or of its first version, and what people look for, that are not here. None of them may be a
command.
"""


_ON_KUBERNETES = frozenset(
    [
        "--context",
        "-c",
        "--kubeconfig",
        "--enable-ha",
        "--link-access-type",
        "--include-not-ready",
        "--generate-credential",
    ]
)
"""Options that the reference has for sites on Kubernetes alone."""


class UnknownCommandError(click.UsageError):
    """A word stands where a command is expected, and is none."""

    def __init__(self, word: str, context: click.Context) -> None:
        super().__init__(f"No such command '{word}'", context)
        self.word = word


class MissingFlagError(click.UsageError):
    """The same line does what it says with one more flag."""

    def __init__(self, what: str, flag: str, context: click.Context) -> None:
        super().__init__(f"{what}; use {flag}", context)
        self.flag = flag


@dataclass(frozen=True)
class Advice:
    """What to say beside an error of the command line. ``line`` is a whole line to type; each may be empty."""

    meant: tuple[str, ...] = ()
    line: str = ""
    example: str = ""
    why: str = ""


@dataclass(frozen=True)
class _Place:
    """How far a command line can be read: the last command, its path of words, and the words after it."""

    context: click.Context
    path: tuple[str, ...]
    rest: tuple[str, ...]


def advise(error: click.ClickException, words: Sequence[str], root: click.Command, program: str) -> Advice:
    """What helps whoever typed ``words`` after the name of the ``program`` and got this error."""
    words = tuple(words)
    place = _locate(root, program, words)
    # Of what removes something, no example is named that could be pasted: it would be about something else.
    removes = bool(place.path) and place.path[-1] in _REMOVES
    example = "" if removes else _example(place.context.command, place.context.command_path)
    example += _namespace_flag(words) if example and "-n" not in example.split() else ""
    if isinstance(error, UnknownCommandError):
        return _unknown_command(error.word, words, place, root, program)
    changed: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()
    why = ""
    if isinstance(error, click.NoSuchOption):
        if isinstance(place.context.command, MachineCommand):
            why = place.context.command.why_not(error.option_name)
        near = _nearest_option(error.option_name, place.context)
        if error.option_name in _ON_KUBERNETES:
            why, near = "it is for sites on Kubernetes; leave it away", ""
        as_argument = _with_arguments(words, place)
        if as_argument:
            changed, why = as_argument, "what it names is given without an option"
        elif near:
            meant, changed = (near,), _with_option(words, error.option_name, near)
    elif isinstance(error, click.MissingParameter):
        changed = _of_other_group(words, place, root) or _with_flag(words, error.param, place)
    elif isinstance(error, click.BadParameter):
        changed = _with_choice(words, error)
    elif isinstance(error, MissingFlagError):
        changed = (*words, error.flag)
    elif type(error) is click.UsageError:
        changed = _without_extra(words, place, removes=removes)
    return Advice(meant, _line(program, changed) if changed else "", example, why)


def command_path(root: click.Command, program: str, words: Sequence[str]) -> click.Context:
    """The context of the command that the words name, as far as they name one."""
    return _locate(root, program, tuple(words)).context


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """As click makes it for a command line, with the spellings of ``--help``."""
    return click.Context(command, parent=parent, info_name=name, **command.context_settings)


def _line(program: str, words: Sequence[str]) -> str:
    return shlex.join((program, *words))


def _locate(root: click.Command, program: str, words: tuple[str, ...]) -> _Place:
    context = _context(root, program)
    path: tuple[str, ...] = ()
    while isinstance(context.command, click.Group) and words:
        try:
            _, rest, _ = context.command.make_parser(context).parse_args(list(words))
        except click.UsageError:
            break
        found = context.command.get_command(context, rest[0]) if rest else None
        if found is None:
            return _Place(context, path, tuple(rest))
        context = _context(found, rest[0], context)
        path, words = (*path, rest[0]), tuple(rest[1:])
    return _Place(context, path, words)


def _example(command: click.Command, path: str) -> str:
    """The first example in the help of the command."""
    _, _, examples = (command.help or "").partition("Example")
    lines = (line.strip() for line in examples.splitlines())
    return next(
        (line for line in lines if line.startswith(path) and not isinstance(command, click.Group)), ""
    )


# Options and values.


def _nearest_option(typed: str, context: click.Context) -> str:
    """The option that looks most like the one typed; empty if none does."""
    if not typed.startswith("--"):
        return ""
    known = [
        option
        for parameter in context.command.get_params(context)
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    ]
    words = {option.removeprefix("--"): option for option in known}  # every one begins with the same dashes
    close = [words[near] for near in get_close_matches(typed.removeprefix("--"), words, n=3, cutoff=_NEAR)]
    within = [option for option in known if option.startswith(typed)]  # left unfinished
    return next(iter(within if len(within) == 1 else close), "")


def _with_option(words: tuple[str, ...], typed: str, meant: str) -> tuple[str, ...]:
    def mended(word: str) -> str:
        return meant + word[len(typed) :] if word == typed or word.startswith(f"{typed}=") else word

    return tuple(mended(word) for word in words)


def _with_arguments(words: tuple[str, ...], place: _Place) -> tuple[str, ...]:
    """``listener create web 80`` for ``listener create --port 80 --name web``; empty where no argument is given so, or one is
    missing."""
    command = place.context.command
    arguments = [item for item in command.params if isinstance(item, click.Argument) and item.name]
    named: dict[str, str] = {}
    others: list[str] = []
    rest = iter(place.rest)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in [item.name for item in arguments]:
            named[name] = value if equals else next(rest, "")
        else:
            others.append(word)
    given: dict[str, object] = {}
    if named:
        with contextlib.suppress(click.UsageError):
            given = command.make_parser(place.context).parse_args(list(others))[0]
    values: list[str] = []
    unnamed = [str(given[item.name]) for item in arguments if isinstance(given.get(str(item.name)), str)]
    for word in unnamed:
        others.remove(word)
    for item in arguments:
        value = named.get(str(item.name)) or (unnamed.pop(0) if unnamed else "")
        if not value and item.required:
            return ()
        values += [value] if value else []
    before = words[: len(words) - len(place.rest)]
    return (*before, *values, *others) if named and not unnamed else ()


def _with_flag(words: tuple[str, ...], parameter: click.Parameter | None, place: _Place) -> tuple[str, ...]:
    """The words with the one option that was left away before the word that is left over."""
    if not isinstance(parameter, click.Option):
        return ()
    extra, *more = _left_over(place) or ("",)
    if not extra or more:
        return ()
    index = len(words) - 1 - words[::-1].index(extra)
    return (*words[:index], parameter.opts[0], *words[index:])


def _of_other_group(words: tuple[str, ...], place: _Place, root: click.Command) -> tuple[str, ...]:
    """``system delete listener backend`` for ``listener delete backend``."""
    group, *_ = _left_over(place) or ("",)
    found = root.get_command(place.context, group) if isinstance(root, click.Group) and group else None
    if not isinstance(found, click.Group) or found.get_command(place.context, place.path[-1]) is None:
        return ()
    rest = [word for word in words if word not in (*place.path, group)]
    return (group, place.path[-1], *rest)


def _with_choice(words: tuple[str, ...], error: click.BadParameter) -> tuple[str, ...]:
    """The words with the choice that looks most like what was typed."""
    kind = error.param.type if error.param else None
    if not isinstance(kind, click.Choice):
        return ()
    choices = [str(choice) for choice in kind.choices]
    for index, word in enumerate(words):
        option, equals, value = word.rpartition("=")
        near = get_close_matches(value, choices, n=2, cutoff=_NEAR)
        if f"'{value}'" in error.message and value not in choices and near and not _as_near(value, near):
            return (*words[:index], f"{option}{equals}{near[0]}", *words[index + 1 :])
    return ()


def _namespace_flag(words: Sequence[str]) -> str:
    """The namespace on the line, as a flag behind another one; empty if none is named."""
    for index, word in enumerate(words):
        if word in ("-n", "--namespace") and index + 1 < len(words):
            return f" -n {shlex.quote(words[index + 1])}"
        if word.startswith("--namespace="):
            return f" -n {shlex.quote(word.partition('=')[2])}"
        if word.startswith("-n") and len(word) > 2:
            return f" -n {shlex.quote(word[2:])}"
    return ""


def _can_be_namespace(word: str) -> bool:
    from skupper_local.namespace.errors import NamespaceNameInvalidError
    from skupper_local.namespace.paths import validate_namespace_name

    try:
        return bool(validate_namespace_name(word))
    except NamespaceNameInvalidError:
        return False


def _as_near(typed: str, near: Sequence[str]) -> bool:
    """Whether two choices look equally like it, so that nobody can know which was meant."""
    ratios = [SequenceMatcher(None, choice, typed).ratio() for choice in near]
    return len(ratios) > 1 and ratios[0] == ratios[1]


def _left_over(place: _Place) -> tuple[str, ...]:
    """The words that the command has no argument for."""
    command = place.context.command
    if isinstance(command, click.Group):
        return ()
    with contextlib.suppress(click.UsageError):
        words = written_out(command, place.rest, place.context)
        _, given, _ = command.make_parser(place.context).parse_args(words)
        return tuple(given)
    return ()


def _without_extra(words: tuple[str, ...], place: _Place, *, removes: bool) -> tuple[str, ...]:
    """The words without those that are too many; a single one may be a file that lacks its ``-f``, or a namespace ``-n``."""
    extra = _left_over(place)
    if not extra:
        return ()
    if len(place.path) == 2 and place.path[0] == "system" and len(extra) == 1:
        parameters = place.context.command.params
        takes_none = not any(isinstance(item, click.Argument) for item in parameters)
        takes_namespace = any(item.name == "namespace" for item in parameters)
        if takes_none and takes_namespace and not _namespace_flag(words) and _can_be_namespace(extra[0]):
            index = len(words) - 1 - words[::-1].index(extra[0])
            return (*words[:index], "-n", *words[index:])
    if removes:
        return ()
    files = [item for item in place.context.command.params if item.name == "filename"]
    if len(extra) == 1 and files and "-f" not in words:
        return _with_flag(words, files[0], place)
    kept = list(words)
    for word in extra:
        index = len(kept) - 1 - kept[::-1].index(word)
        del kept[index]
    return tuple(kept)


# Commands.


def _unknown_command(
    typed: str, words: tuple[str, ...], place: _Place, root: click.Command, program: str
) -> Advice:
    """The commands that may have been meant. The first of ``place.rest`` is the word that is none."""
    group, after = place.context.command, place.rest[1:]
    assert isinstance(group, click.Group)
    before = list(words[: len(words) - len(place.rest)])
    for word in place.path:
        before.remove(word)
    paths = tuple(path for path, _ in walk(root, program))

    def advice(path: tuple[str, ...], further: Sequence[str] = after) -> Advice:
        return Advice((" ".join(path),), _line(program, (*path, *before, *further)))

    if not place.path and typed == "help":
        wanted = tuple(after) if tuple(after) in paths else ()
        return Advice(line=_line(program, (*wanted, "--help")))
    elsewhere = ELSEWHERE.get(" ".join((*place.path, _SYNONYMS.get(typed, typed))))
    if elsewhere:
        return Advice(line=elsewhere.next_step, why=elsewhere.why)
    glued = _glued(typed, [path for path in paths if path[: len(place.path)] == place.path])
    if glued:
        return advice(glued)
    swapped = _swapped(typed, after, paths) if not place.path else None
    if swapped:
        return advice(swapped, after[1:])
    here = group.list_commands(place.context)
    synonym = _SYNONYMS.get(typed, typed)
    near = [synonym] if synonym in here else get_close_matches(typed, here, n=3, cutoff=_NEAR)
    inside = [path for path in paths if path[-1] == synonym and len(path) > 1]
    if near and (synonym in here or not inside):
        return Advice(tuple(near), advice((*place.path, near[0])).line)
    if inside:
        usual = [path for path in inside if path[0] == "system"] or (inside if len(inside) == 1 else [])
        if usual:
            return advice(usual[0])
        return Advice(tuple(" ".join(path) for path in inside))
    if place.path and "status" in here and not after and typed.isprintable() and typed:
        return advice((*place.path, "status"), (typed,))  # a name, where what to do with it was left away
    return Advice()


def walk(
    command: click.Command, program: str, path: tuple[str, ...] = (), parent: click.Context | None = None
) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    """Every command below a group, by its path of words, groups among them."""
    context = _context(command, path[-1] if path else program, parent)
    if path:
        yield path, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from walk(found, program, (*path, name), context)


def _glued(typed: str, paths: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The command whose words are written as one: ``listenercreate``, ``link-status``."""
    plain = "".join(letter for letter in typed.lower() if letter.isalnum())
    joined = {"".join(path).replace("-", ""): path for path in paths if len(path) > 1}
    if plain in joined:
        return joined[plain]
    near = get_close_matches(plain, joined, n=1, cutoff=_VERY_NEAR)
    return joined[near[0]] if near else None


def _swapped(typed: str, after: Sequence[str], paths: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The command whose words stand the other way round: ``create site``, ``get listeners``."""
    if not after:
        return None
    path = (after[0], _SYNONYMS.get(typed, typed))
    for wanted in (path, (path[0].removesuffix("s"), path[1])):
        if wanted in paths:
            return wanted
    return None
