"""A small world of people and events in Parquet, and segments evaluated on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from passerelle.segmentation import (
    Dataset,
    DatasetTable,
    History,
    Membership,
    MemoryHistory,
    ModelFile,
    SegmentFile,
    evaluate,
)
from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.engines.duck import DuckDb
from passerelle.segmentation.fitted import Fitted

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
T = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * SECOND

Row = Mapping[str, Any]

ARROW = {
    "integer": pa.int64(),
    "string": pa.string(),
    "money": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
CRM = {"loyalty": "string", "points": "integer", "ratio": "number", "credit": "money", "joined": "timestamp"}
CRM |= {"vip": "boolean", "born": "date"}
ORDERS = {"amount": "money", "status": "string"}
WEB = {"page": "string", "seconds": "number"}

MODEL: dict[str, Any] = {
    "timezone": "Europe/Paris",
    "tables": {
        "customers": {"from": "crm", "grain": "person"},
        "orders": {"from": "orders", "grain": "event", "events": ["purchase"]},
        "web": {"from": "web", "grain": "event", "events": ["view", "cart", "newsletter_open"]},
    },
    "traits": {
        "recency_days": {"recency": "purchase"},
        "orders_365d": {"count": "purchase", "within": "365d"},
        "revenue_365d": {"sum": "purchase.amount", "within": "365d"},
        "usual_gap_days": {"mean_gap": "purchase"},
        "activity_30d": {"count": ["view", "cart", "purchase"], "within": "30d"},
    },
    "rfm": {
        "recency": "recency_days",
        "frequency": "orders_365d",
        "monetary": "revenue_365d",
        "over": {"trait": "orders_365d", "at_least": 1},
    },
}


def purchase(person: int, days_ago: float, amount: int | None = 1_000, status: str = "paid") -> Row:
    return event(person, "purchase", days_ago, amount=amount, status=status)


def event(person: int, name: str, days_ago: float, **columns: object) -> Row:
    return {"subject_id": person, "event": name, "at": T - round(days_ago * DAY), **columns}


def parquet(path: Path, rows: Sequence[Row], columns: Mapping[str, str]) -> Path:
    arrays = {name: pa.array([row.get(name) for row in rows], ARROW[kind]) for name, kind in columns.items()}
    pq.write_table(pa.table(arrays), path)
    return path


@dataclass
class World:
    """People with attributes, purchases and web events; written to Parquet when asked."""

    folder: Path
    people: Sequence[Row] = ()
    orders: Sequence[Row] = ()
    web: Sequence[Row] = ()
    model: dict[str, Any] = field(default_factory=dict)
    merges: Mapping[int, int] = field(default_factory=dict)
    gone: Sequence[int] = ()
    fitted: Mapping[str, Fitted] = field(default_factory=dict)
    engine: Engine = field(default_factory=lambda: DuckDb(memory="512MB", threads=1))
    made: int = 0

    def modelled(self) -> ModelFile:
        merged = {**MODEL, **self.model}
        for key in ("traits", "tables"):
            merged[key] = {**MODEL[key], **self.model.get(key, {})}
        return ModelFile.model_validate(merged)

    def dataset(self) -> Dataset:
        self.made += 1
        own = {"subject_id": "integer"}
        happened = {**own, "event": "string", "at": "timestamp"}
        wanted: list[tuple[str, Literal["person", "event"], Sequence[Row], dict[str, str]]] = [
            ("crm", "person", self.people, own | CRM),
            ("orders", "event", self.orders, happened | ORDERS),
            ("web", "event", self.web, happened | WEB),
        ]
        tables = {
            name: DatasetTable(
                name, grain, columns, [parquet(self.folder / f"{name}-{self.made}.parquet", rows, columns)]
            )
            for name, grain, rows, columns in wanted
        }
        merges = pa.table(
            {
                "subject_id": pa.array(list(self.merges), pa.int64()),
                "merged_into": pa.array(list(self.merges.values()), pa.int64()),
            }
        )
        return Dataset(tables, merges, pa.array(list(self.gone), pa.int64()), self.engine, self.fitted)

    def run(
        self, *files: SegmentFile, as_of: int = T, history: History | None = None, only: Sequence[str] = ()
    ) -> dict[str, Membership]:
        segments = {file.segment: file for file in files}
        return evaluate(
            list(only or segments),
            model=self.modelled(),
            segments=segments,
            dataset=self.dataset(),
            as_of=as_of,
            history=history or MemoryHistory(),
        )

    def members(self, where: object, *, as_of: int = T, **more: object) -> set[int]:
        """Who is in a segment of this condition."""
        found = self.run(segment("it", where, **more), as_of=as_of)["it"].subject_ids.to_pylist()
        assert found == sorted(set(found))
        return set(found)


def segment(name: str, where: object, **more: object) -> SegmentFile:
    return SegmentFile.model_validate({"segment": name, "where": where, **more})


def persons(*ids: int, **columns: object) -> list[Row]:
    return [{"subject_id": person, **columns} for person in ids]
