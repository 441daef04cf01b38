"""The command line, generated from the verbs: each field of a request becomes an option or an argument.

Words are taken as text and checked by the verb's request, so that the command line, `--request-b64` and the runner
refuse the same things with the same sentences. A field marked `json_schema_extra={"cli": "argument"}` is an argument;
where none is marked, the first list is. Other lists are repeated options. `{"cli": "none"}` keeps a field to
`--request-b64`.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from passerelle.workflows.cli.help import COMMON_PANEL, Command, Group
from passerelle.workflows.verbs.contract import AnyVerb
from passerelle.workflows.verbs.registry import group_of

MAXIMUM_METAVAR = 40
SUBJECTS = {
    "audit": "Answers an auditor's questions, and proves the answers.",
    "witness": "Co-signs the log from another machine, so that nobody rewrites it unnoticed.",
    "quality": "Says what was found in the data, and which people are probably one.",
    "sources": "Lists the sources, tries one out, and says what it reads.",
    "consent": "Takes consent in, records and withdraws it, shows it.",
    "segment": "Shows who a segment finds, and why.",
    "traits": "Lists what is known of people, and fits the traits that are scaled.",
    "cluster": "Finds groups of people who are alike, and says how sure they are.",
    "journey": "Says which way people take from one state to the next.",
    "funnel": "Says how far people come, step by step.",
    "ladder": "Says where people stand, and who moved.",
    "experiment": "Says whether an audience changes what people do.",
    "score": "Learns what people will probably do or spend, and says how well.",
    "policy": "Shows the policy that decides, its past versions, and who a change would let in or out.",
    "evidence": "Keeps evidence of erased people, sealed to the data protection officer, and opens it.",
    "keys": "Lists, rotates, checks and copies the keys.",
    "workflows": "Exports and checks the n8n workflows.",
}
"""What the first word of two-word verbs is about."""


@dataclass(frozen=True, slots=True)
class Common:
    """The options of every verb."""

    workspace: Path | None
    json: bool | None
    report: bool
    request_b64: str | None
    verbose: bool
    quiet: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A command line, understood: which verb, with which words for its request."""

    verb: AnyVerb
    words: dict[str, Any]
    common: Common


def app(verbs: Iterable[AnyVerb]) -> typer.Typer:
    """The command line of `verbs`; called, it returns a `Call` and runs nothing."""
    root = typer.Typer(
        name="passerelle",
        help="Consent-checked customer audiences for Meta and Google Ads, with proof.",
        epilog="Exit codes: 0 done · 1 unexpected · 2 usage or settings · 3 a person must look · 4 integrity failure · "
        "5 pending at the platform · 6 consent is stale · 7 refused for good · 75 try again later.",
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        cls=Group,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
    root.callback()(_version_option)
    groups: dict[str, typer.Typer] = {}
    for verb in verbs:
        subject, _, word = verb.name.partition(" ")
        if not word:
            root.command(subject, cls=Command, help=verb.help, rich_help_panel=group_of(verb.name))(_command(verb))
            continue
        if subject not in groups:
            groups[subject] = typer.Typer(help=SUBJECTS.get(subject, ""), rich_markup_mode=None, cls=Group)
            root.add_typer(groups[subject], name=subject, rich_help_panel=group_of(subject))
        groups[subject].command(word, cls=Command, help=verb.help)(_command(verb))
    return root


def _version_option(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("passerelle"))
        raise typer.Exit


def _command(verb: AnyVerb) -> Callable[..., Call]:
    def call(**given: Any) -> Call:  # noqa: ANN401 - words of a command line
        common = Common(**{name: given.pop(name) for name in Common.__slots__})
        words = {name: value for name, value in given.items() if value not in (None, [], ())}
        return Call(verb, words, common)

    fields = verb.request.model_fields
    arguments = _arguments(fields)
    found = (_parameter(name, field, argument=name in arguments) for name, field in fields.items())
    own = [parameter for parameter in found if parameter is not None]
    call.__signature__ = inspect.Signature([*own, *_common_parameters()])  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *_common_parameters()]}
    call.__doc__ = verb.help
    return call


def _arguments(fields: Mapping[str, FieldInfo]) -> set[str]:
    marked = {name for name, field in fields.items() if _mark(field) == "argument"}
    lists = [name for name, field in fields.items() if _kind(field.annotation)[1] and _mark(field) is None]
    return marked or set(lists[:1])


def _mark(field: FieldInfo) -> object:
    return field.json_schema_extra.get("cli") if isinstance(field.json_schema_extra, dict) else None


def _parameter(name: str, field: FieldInfo, *, argument: bool) -> inspect.Parameter | None:
    kind, many = _kind(field.annotation)
    if _mark(field) == "none" or (isinstance(kind, type) and issubclass(kind, BaseModel | dict)):
        return None
    help_text = _help(field)
    if kind is bool:
        return _flag(name, field, help_text)
    choices = _choices(kind)
    metavar = "|".join(choices) if choices else _metavar(name, kind)
    if len(metavar) > MAXIMUM_METAVAR:
        metavar, help_text = name.upper(), f"{help_text} One of: {', '.join(choices)}."
    taken: Any = list[str] if many else str
    if argument:
        shown = metavar if "|" in metavar else _singular(name).upper() if many else name.upper()
        info: Any = typer.Argument(help=help_text, metavar=shown, show_default=False)
    else:
        info = typer.Option(_option(name), help=help_text, metavar=metavar, show_default=False)
    return _keyword(name, taken | None, info)


def _keyword(name: str, kind: Any, info: Any, default: object = None) -> inspect.Parameter:  # noqa: ANN401 - a type, and typer's
    annotation = Annotated[kind, info]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _flag(name: str, field: FieldInfo, help_text: str) -> inspect.Parameter:
    spelling = _option(name) if field.default is False else f"{_option(name)}/--no-{name.replace('_', '-')}"
    info = typer.Option(spelling, help=help_text, show_default=False)
    return _keyword(name, bool | None, info)


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _kind(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a type annotation of any kind
    """The type of one word, and whether there may be many."""
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        parts = [part for part in get_args(annotation) if part is not NoneType]
        return _kind(parts[0])
    if get_origin(annotation) in {list, tuple, set, frozenset}:
        return _kind(get_args(annotation)[0])[0], True
    return (dict if get_origin(annotation) is dict else annotation), False


def _choices(kind: Any) -> list[str]:  # noqa: ANN401 - a type annotation of any kind
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(choice.value) for choice in kind]
    return []


def _metavar(name: str, kind: Any) -> str:  # noqa: ANN401 - a type annotation of any kind
    if isinstance(kind, type) and issubclass(kind, Path):
        return "PATH"
    return "N" if kind in {int, float} else name.upper()


def _help(field: FieldInfo) -> str:
    text = field.description or ""
    default = field.default
    if field.is_required():
        return f"{text} (required)"
    if default in (None, "", [], (), False) or default is PydanticUndefined:
        return text
    return f"{text} (default: {default.value if isinstance(default, Enum) else default})"


def _common_parameters() -> list[inspect.Parameter]:
    def option(name: str, kind: Any, default: object, *spelling: str, help: str, **more: Any) -> inspect.Parameter:  # noqa: A002, ANN401 - typer's words
        info = typer.Option(*spelling, help=help, rich_help_panel=COMMON_PANEL, show_default=False, **more)
        return _keyword(name, kind, info, default)

    return [
        option(
            "workspace",
            Path | None,
            None,
            "--workspace",
            "-w",
            metavar="DIR",
            help="The workspace; by default this folder or the nearest one above that is one.",
        ),
        option(
            "json",
            bool | None,
            None,
            "--json/--no-json",
            help="One JSON object on stdout, or a readable table. By default JSON where stdout is no terminal.",
        ),
        option(
            "report", bool, False, "--report", help="Exit with 0 whenever a result could be printed; for workflows."
        ),
        option(
            "request_b64",
            str | None,
            None,
            "--request-b64",
            metavar="BASE64",
            help="The whole request as base64 of a JSON object, instead of options; see `passerelle schema`.",
        ),
        option("verbose", bool, False, "--verbose", "-v", help="Say more on stderr. Never personal data."),
        option("quiet", bool, False, "--quiet", "-q", help="Say only what went wrong on stderr."),
    ]
