"""A record's shape: which fields, which roles, which types. Everything else about a source follows from it.

Two ways in, one way out: a typed connector writes a `Record` class, a workspace writes `fields:` in YAML
(`declared.py`), and both become a `Shape`.

    class Person(Record, grain="person"):
        id: Annotated[int, Key()]
        email: Annotated[str | None, Identifier(Field.EMAIL)] = at("emails", 0, "value")
        deleted: Annotated[bool, Tombstone()] = at("is_deleted", default=False)
        updated_at: Annotated[datetime | None, Cursor()] = at("update_time")
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

import pyarrow as pa
from pydantic import AliasPath, BaseModel, ConfigDict, create_model
from pydantic import Field as ModelField

from passerelle.connectors.contract.roles import (
    COARSE,
    ROLES,
    Attribute,
    Consent,
    Cursor,
    Detail,
    EventName,
    EventTime,
    Grain,
    Identifier,
    Key,
    Kind,
    MergedInto,
    Role,
    Signal,
    Tombstone,
)
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Field

R = TypeVar("R")

ARROW: Mapping[Kind, pa.DataType] = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.MONEY: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}
"""The Arrow type of each kind, once cast."""


class Record(BaseModel):
    """Base of typed records. Values come in as the vendor sent them; types are settled here, columns by `Shape`."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, validate_by_name=True, validate_by_alias=True
    )
    grain: ClassVar[Grain] = "person"
    event: ClassVar[str | None] = None

    def __init_subclass__(cls, *, grain: Grain = "person", event: str | None = None, **rest: Any) -> None:  # noqa: ANN401 - pydantic's own
        """Take `grain` and `event` from the class statement."""
        super().__init_subclass__(**rest)
        cls.grain = grain
        cls.event = event


def at(first: str, *rest: str | int, default: object = None) -> Any:  # noqa: ANN401 - stands where any field's default does
    """Where the vendor keeps a field: `at("emails", 0, "value")`. Missing means `default`."""
    return ModelField(default=default, validation_alias=AliasPath(first, *rest))


def loose_record(shape: "Shape") -> type[Record]:
    """A record whose values are taken as they come: text, numbers or truth values, to be cast as `shape` says."""
    plain = str | int | float | bool | None
    fields: dict[str, Any] = {
        one.name: (plain, ModelField(default=None, validation_alias=AliasPath(*(one.path or (one.asked,)))))  # type: ignore[arg-type]
        for one in shape.fields
    }
    return create_model("Loose", __base__=Record, **fields)


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field: its name in our record, the column it is asked for by, its roles, its type once cast."""

    name: str
    roles: tuple[Role, ...]
    kind: Kind
    asked: str
    path: tuple[str | int, ...] = ()
    """Where it stands within what is asked for, from the top; empty: it is the column itself."""
    native: Kind = Kind.STRING
    """What the source itself sends, as the record's annotation says."""

    def role(self, kind: type[R]) -> R | None:
        """Its role of that kind, if it has it."""
        return next((role for role in self.roles if isinstance(role, kind)), None)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a resource's records are. Made by `shape_of` or `shape`, which refuse what cannot be meant."""

    grain: Grain
    fields: tuple[FieldShape, ...]
    event: str | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """The columns to ask the source for, and no others."""
        return tuple(field.asked for field in self.fields)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of its records once cast."""
        return pa.schema([(field.name, ARROW[field.kind]) for field in self.fields])

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the key's fields."""
        return tuple(field.name for field in self.fields if field.role(Key))

    @property
    def identifiers(self) -> tuple[tuple[str, Field], ...]:
        """The privacy layer's input: (field name, what it identifies by); a date of birth gives three."""
        return tuple(
            (one.name, role.field) for one in self.fields for role in one.roles if isinstance(role, Identifier)
        )

    @property
    def consents(self) -> tuple[tuple[str, Consent], ...]:
        """The consent log's input: (field name, what it says), one for each purpose."""
        return tuple((field.name, role) for field in self.fields for role in field.roles if isinstance(role, Consent))

    @property
    def signals(self) -> tuple[tuple[str, Signal], ...]:
        """The consent log's other input: (field name, which signal it holds)."""
        return tuple((field.name, role) for field, role in self.having(Signal))

    @property
    def attributes(self) -> dict[str, Kind]:
        """The lake's columns: name to type."""
        return {field.name: role.kind for field, role in self.having(Attribute)}

    @property
    def cursor(self) -> FieldShape | None:
        """The field that grows when a record changes."""
        return next((field for field, _ in self.having(Cursor)), None)

    def one(self, kind: type[R]) -> FieldShape | None:
        """The field with a role of that kind, where at most one may have it."""
        return next((field for field, _ in self.having(kind)), None)

    def having(self, kind: type[R]) -> Iterator[tuple[FieldShape, R]]:
        """Fields with a role of that kind, and the role."""
        for field in self.fields:
            role = field.role(kind)
            if role is not None:
                yield field, role


def shape_of(record: type[Record]) -> Shape:
    """The shape of a typed record. Raises `DefinitionError` where its roles contradict each other."""
    fields = []
    for name, info in record.model_fields.items():
        roles = tuple(role for role in info.metadata if isinstance(role, ROLES))
        if roles:
            alias = info.validation_alias
            path = tuple(alias.path) if isinstance(alias, AliasPath) else (name,)
            native = _python_kind(info.annotation)
            kind = _kind(name, roles, native)
            inner = path if len(path) > 1 else ()
            fields.append(FieldShape(name, roles, kind, str(path[0]), inner, native or Kind.STRING))
    return checked(Shape(record.grain, tuple(fields), record.event))


def field_shape(name: str, roles: tuple[Role, ...], *, asked: str | None = None) -> FieldShape:
    """A field without a Python type behind it: roles alone settle its type."""
    return FieldShape(name, roles, _kind(name, roles, None), asked or name)


def checked(shape: Shape) -> Shape:
    """The same shape, after looking for what cannot be meant."""
    for field in shape.fields:
        _check_field(shape, field)
    for kind in (Tombstone, MergedInto, Cursor, EventName, EventTime):
        named = [field.name for field, _ in shape.having(kind)]
        if len(named) > 1:
            raise _wrong(f"{' and '.join(named)} are both {_word(kind)}; a record has one.", named[1])
    _check_consents(shape)
    _check_grain(shape)
    return shape


def _check_field(shape: Shape, field: FieldShape) -> None:
    kinds = {type(role) for role in field.roles}
    if Detail in kinds and len(kinds) > 1:
        raise _wrong(f"{field.name} is a detail and something else; a detail only serves another field.", field.name)
    named = [role.field for role in field.roles if isinstance(role, Identifier) and role.field not in COARSE]
    if named and Attribute in kinds:
        raise _wrong(
            f"{field.name} identifies a person ({named[0]}), so it cannot be an attribute in the lake.",
            field.name,
        )
    if Key in kinds and Attribute in kinds and shape.grain == "person":
        raise _wrong(f"{field.name} is a person's key, so it cannot be an attribute.", field.name)
    alone = kinds & {Tombstone, MergedInto, EventName, Signal}
    if alone and len(kinds) > 1:
        other = ", ".join(sorted(_word(kind) for kind in kinds - alone)) or _word(alone.pop())
        raise _wrong(f"{field.name} is {_word(next(iter(alone)))} and {other}; that cannot be meant.", field.name)


def _check_consents(shape: Shape) -> None:
    names = {field.name: field for field in shape.fields}
    resting: list[tuple[str, Consent | Signal]] = [*shape.consents, *shape.signals]
    for name, role in resting:
        for needed in role.needs:
            if needed not in names:
                raise _wrong(
                    f"The {_word(type(role))} in {name} rests on {needed}, which is not among the fields.",
                    name,
                    advice=f"Add `{needed}: {{detail: timestamp}}` (or string, for a notice).",
                )
    for name, consent in shape.consents:
        if not consent.states:
            raise _wrong(f"The consent in {name} maps no value.", name, advice="Say which values mean `given`.")
    used = {needed for _, role in resting for needed in role.needs}
    for field in shape.fields:
        if field.role(Detail) and field.name not in used:
            raise _wrong(
                f"Nothing rests on the detail {field.name}.", field.name, advice="Remove it, or give it a role."
            )


def _check_grain(shape: Shape) -> None:
    if not shape.identifiers:
        raise _wrong("No field identifies a person.", advice="Mark one with `identifier:` email, phone or external_id.")
    if shape.grain == "person":
        if not shape.keys:
            raise _wrong("No field is the key.", advice="Mark the record's own id with `key: true`.")
        for kind in (EventName, EventTime):
            if (field := shape.one(kind)) is not None:
                raise _wrong(f"{field.name} is {_word(kind)}, but the grain is person.", field.name)
    else:
        if shape.one(EventTime) is None:
            raise _wrong("An event needs its time.", advice="Mark one field with `event_time: true`.")
        if (shape.one(EventName) is None) == (shape.event is None):
            raise _wrong(
                "An event needs one name.", advice="Give `event: purchase`, or mark one field with `event_name: true`."
            )
    if shape.one(MergedInto) and not any(field.role(Identifier) for field, _ in shape.having(Key)):
        raise _wrong(
            "Merges are carried through the key, so the key must identify the person.",
            advice="Add `identifier: external_id` to the key.",
        )


def _kind(name: str, roles: tuple[Role, ...], python: Kind | None) -> Kind:
    asked: dict[str, Kind] = {}
    for role in roles:
        match role:
            case Attribute(kind) | Detail(kind) | Cursor(kind):
                asked.setdefault(_word(type(role)), kind if python is None or kind is not Kind.STRING else python)
            case EventTime():
                asked["event time"] = Kind.TIMESTAMP
            case Tombstone(values):
                asked["tombstone"] = Kind.STRING if values else Kind.BOOLEAN
            case Identifier() | Consent() | Signal() | Key() | EventName() | MergedInto():
                pass
    kinds = set(asked.values())
    if len(kinds) > 1:
        said = " and ".join(f"{kind} as {word}" for word, kind in asked.items())
        raise _wrong(f"{name} is {said}; it can have one type.", name)
    return kinds.pop() if kinds else Kind.STRING


def _python_kind(annotation: object) -> Kind | None:
    """The kind that a Python annotation says; None for text."""
    parts = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    table = {int: Kind.INTEGER, float: Kind.NUMBER, Decimal: Kind.MONEY, bool: Kind.BOOLEAN, date: Kind.DATE}
    table[datetime] = Kind.TIMESTAMP
    return next((table[part] for part in parts if part in table), None)


def _word(kind: type) -> str:
    return {
        Tombstone: "the tombstone",
        MergedInto: "the merge target",
        EventName: "the event's name",
        EventTime: "the event's time",
    }.get(kind, kind.__name__.lower())


def _wrong(message: str, field: str | None = None, *, advice: str = "") -> DefinitionError:
    return DefinitionError(message, advice=advice, path=("fields", field) if field else ("fields",))
