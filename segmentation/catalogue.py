"""What names mean: tables, columns, events and traits of model.yaml, held against the dataset's columns."""

from collections.abc import Iterable, Mapping, Sequence

from passerelle.segmentation.dataset import COLUMN_TYPES, DatasetTable
from passerelle.segmentation.fitted import Fitted
from passerelle.segmentation.language.documents import ModelFile, TableDefinition
from passerelle.segmentation.language.events import Window
from passerelle.segmentation.resolve_traits import NUMBER, TraitReader
from passerelle.segmentation.resolve_where import resolve_where
from passerelle.segmentation.rules import Column, Fact, Selection, ValueType
from passerelle.segmentation.wrong import Misdefined, Place, model_place

__all__ = ["NUMBER", "Catalogue", "column_type"]

_OWN = {"subject_id", "event", "at"}


class Catalogue:
    """Names, resolved once each. Every method raises `Misdefined` where a name means nothing."""

    def __init__(
        self, model: ModelFile, tables: Mapping[str, DatasetTable], fitted: Mapping[str, Fitted] | None = None
    ) -> None:
        self.model = model
        self._tables: dict[str, DatasetTable] = {}
        self._traits: dict[str, Fact] = {}
        self._trail: list[str] = []
        self._reader = TraitReader(self, model.timezone, fitted or {})
        for name, definition in model.tables.items():
            self._tables[name] = self._bind(name, definition, tables)

    @property
    def tables(self) -> Mapping[str, DatasetTable]:
        """The dataset's tables by the names of model.yaml."""
        return self._tables

    def names(self) -> dict[Fact, str]:
        """What the traits that were used are called."""
        return {found: name for name, found in self._traits.items()}

    @property
    def event_tables(self) -> tuple[str, ...]:
        """Names of the tables that hold events."""
        return tuple(name for name, table in self._tables.items() if table.grain == "event")

    @property
    def population(self) -> tuple[str, ...]:
        """Names of the tables whose people are everybody."""
        if self.model.population is not None:
            for index, name in enumerate(self.model.population):
                if name not in self._tables:
                    raise (model_place() / "population" / index).unknown("table", name, self._tables)
            return tuple(self.model.population)
        return tuple(n for n, table in self._tables.items() if table.grain == "person") or self.event_tables

    def _bind(self, name: str, definition: TableDefinition, tables: Mapping[str, DatasetTable]) -> DatasetTable:
        place = model_place() / "tables" / name
        table = tables.get(definition.from_)
        if table is None:
            raise (place / "from").unknown("table in the lake", definition.from_, tables)
        if table.grain != definition.grain:
            raise (place / "grain").wrong(f"`{definition.from_}` has one row per {table.grain}.")
        return table

    def attribute(self, word: str, place: Place) -> Column:
        """A column of a person table: `loyalty` or `customers.loyalty`."""
        table, _, column = word.rpartition(".")
        person = {name: item for name, item in self._tables.items() if item.grain == "person"}
        if table and table not in person:
            raise place.unknown("person table", table, person)
        holders = [name for name in ([table] if table else person) if column in _attributes(person[name])]
        if not holders:
            known = {c for name in ([table] if table else person) for c in _attributes(person[name])}
            raise place.unknown("attribute", column, known)
        if len(holders) > 1:
            raise place.wrong(
                f"`{column}` is a column of several tables.", f"Say which: {_either(f'{n}.{column}' for n in holders)}."
            )
        return Column(holders[0], column, column_type(person[holders[0]], column))

    def trait(self, name: str, place: Place) -> Fact:
        """A trait of model.yaml."""
        if name not in self.model.traits:
            raise place.unknown("trait", name, self.model.traits)
        if name not in self._traits:
            here = model_place() / "traits" / name
            if name in self._trail:
                circle = " -> ".join(f"`{part}`" for part in (*self._trail[self._trail.index(name) :], name))
                raise here.wrong(f"These traits are made of each other in a circle: {circle}.")
            self._trail.append(name)
            try:
                self._traits[name] = self._reader.fact(self.model.traits[name], here)
            finally:
                self._trail.pop()
        return self._traits[name]

    def selections(
        self, events: Sequence[str], window: Window | None, place: Place, column: str | None = None
    ) -> tuple[Selection, ...]:
        """Where these events are, one selection per table; only tables that have `column` and those of `where`."""
        holders: dict[str, list[str]] = {}
        for event in dict.fromkeys(events):
            for table in self._holding(event, place):
                holders.setdefault(table, []).append(event)
        wanted = {*((window.where or ()) if window else ()), *([column] if column else ())}
        fitting = {t: names for t, names in holders.items() if wanted <= set(_attributes(self._tables[t]))}
        if not fitting:
            raise self._no_such_column(wanted, holders, place)
        return tuple(self._selection(table, names, window, place) for table, names in sorted(fitting.items()))

    def column_type(self, selections: Iterable[Selection], column: str, place: Place) -> ValueType:
        """The type of a column that several tables may have."""
        types = {column_type(self._tables[selection.table], column) for selection in selections}
        if len(types) > 1:
            raise place.wrong(f"`{column}` has another type in each of its tables.")
        return types.pop()

    def _selection(self, table: str, names: list[str], window: Window | None, place: Place) -> Selection:
        if window is None:
            return Selection(table, tuple(sorted(names)))
        types = {name: column_type(self._tables[table], name) for name in _attributes(self._tables[table])}
        where = resolve_where(window.where, types, self.model.timezone, place / "where")
        return Selection(table, tuple(sorted(names)), window.within, window.until or 0, where)

    def _no_such_column(self, wanted: set[str], holders: Iterable[str], place: Place) -> Misdefined:
        known = {column for table in holders for column in _attributes(self._tables[table])}
        missing = sorted(wanted - known)
        if missing:
            return place.unknown("column of these events", missing[0], known)
        return place.wrong("No table has all of these columns.", "Split the rule, one part per table.")

    def _holding(self, event: str, place: Place) -> list[str]:
        """The tables that list this event; without any, those that list none."""
        listing = {n: set(d.events) for n, d in self.model.tables.items() if d.events is not None}
        found = [name for name, events in listing.items() if event in events]
        if found:
            return found
        free = [name for name in self.event_tables if name not in listing]
        known = {*(self.model.events or ()), *(name for events in listing.values() for name in events)}
        if not free or (self.model.events is not None and event not in self.model.events):
            raise place.unknown("event", event, known)
        return free


def _attributes(table: DatasetTable) -> list[str]:
    return [name for name in table.columns if name not in _OWN and not name.startswith("_")]


def column_type(table: DatasetTable, column: str) -> ValueType:
    """The value type of a table's column."""
    return COLUMN_TYPES[table.columns[column]]


def _either(words: Iterable[str]) -> str:
    return " or ".join(f"`{word}`" for word in words)
