"""Google Analytics' tables in BigQuery: finished days, the last three again, and consent that can only veto."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.ga4_export import Ga4Export, Ga4ExportSettings
from passerelle.privacy.vocabulary import ADS, ConsentState
from tests.warehouses.test_bigquery_source import made, run

pytestmark = [pytest.mark.bigquery, pytest.mark.xdist_group("bigquery")]
NOW = 1_795_219_200_000_000  # 2026-11-21
DATASET = "analytics_1"
VALUE = "STRUCT<string_value STRING, int_value INT64, float_value FLOAT64, double_value FLOAT64>"
COLUMNS = (
    "event_date STRING, event_timestamp INT64, event_name STRING, "
    f"event_params ARRAY<STRUCT<key STRING, value {VALUE}>>, event_bundle_sequence_id INT64, user_id STRING"
)
NEWER = (
    f"{COLUMNS}, batch_event_index INT64, privacy_info STRUCT<analytics_storage STRING, ads_storage STRING>, "
    "ecommerce STRUCT<purchase_revenue FLOAT64>"
)


def params(**values: object) -> str:
    """event_params, each in the column of its type."""
    listed = []
    for name, value in values.items():
        text, number = (repr(value), "NULL") if isinstance(value, str) else ("NULL", str(value))
        whole, broken = ("NULL", number) if isinstance(value, float) else (number, "NULL")
        listed.append(f"STRUCT({name!r} AS key, STRUCT({text} AS string_value, {whole} AS int_value, "
                      f"CAST(NULL AS FLOAT64) AS float_value, {broken} AS double_value) AS value)")  # fmt: skip
    return f"[{', '.join(listed)}]"


class Export:
    """A dataset as Google exports to."""

    def __init__(self, address: str) -> None:
        self.address = address.format(f"/{DATASET}")
        client = made(self.address)._client
        client.delete_dataset(DATASET, delete_contents=True, not_found_ok=True)
        client.create_dataset(DATASET)

    def day(self, name: str, *rows: tuple[str, str, str], older: bool = False) -> None:
        """A day's table, made anew: (user, event, ads_storage) with the place in it for its time."""
        table = f"{DATASET}.events_{name}"
        run(self.address, f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} ({COLUMNS if older else NEWER})")
        for place, (user, event, ads) in enumerate(rows):
            said = params(page_location="/robes", value=12.5, ga_session_id=7)
            values = f"'{name}', {1_790_000_000_000_000 + place}, '{event}', {said}, 1, {user}"
            privacy = f"STRUCT('Yes' AS analytics_storage, {ads} AS ads_storage)"
            more = "" if older else f", {place}, {privacy}, STRUCT(59.9 AS purchase_revenue)"
            run(self.address, f"INSERT INTO {table} VALUES ({values}{more})")  # noqa: S608 - our own rows

    def source(self, **more: object) -> Ga4Export:
        data = {"kind": "ga4_export", "url": self.address, "start": "2026-11-01", **more}
        return Ga4Export("site", Ga4ExportSettings.model_validate_json(json.dumps(data), strict=True), folder=Path())


def pulled(source: Ga4Export, state: State | None = None) -> list[Page]:
    return list(source.pull(source.resources[0], state, Context(now=NOW, page_rows=3)))


def rows_of(source: Ga4Export, pages: list[Page]) -> list[dict[str, Any]]:
    shape = source.resources[0].shape
    found: list[dict[str, Any]] = pa.concat_tables(
        [typed(shape, page.rows, timezone="UTC").table for page in pages]
    ).to_pylist()
    return found


@pytest.fixture
def export(bigquery_address: str) -> Export:
    return Export(bigquery_address)


def test_only_finished_days_and_known_users_are_read(export: Export) -> None:
    export.day("20261031", ("'C0'", "view", "'Yes'"))
    export.day("20261118", ("'C1'", "view", "'Yes'"), ("NULL", "view", "'Yes'"), ("''", "view", "'Yes'"))
    export.day("intraday_20261121", ("'C9'", "view", "'Yes'"))
    source = export.source()
    assert [row["person"] for row in rows_of(source, pulled(source))] == ["C1"]


def test_named_events_and_parameters_are_read_and_no_others(export: Export) -> None:
    export.day("20261118", ("'C1'", "view", "'Yes'"), ("'C1'", "purchase", "'No'"))
    source = export.source(
        events=["purchase"], parameters={"page_location": "string", "value": "money", "gone": "string"}
    )
    (row,) = rows_of(source, pulled(source))
    assert (row["name"], row["page_location"], row["value"], row["gone"]) == ("purchase", "/robes", 1250, None)
    assert (row["revenue"], row["happened"].isoformat()) == (5990, "2026-09-21T14:13:20.000001+00:00")


def test_the_last_three_days_are_read_again(export: Export) -> None:
    for day in ("20261114", "20261115", "20261116", "20261117", "20261118"):
        export.day(day, (f"'C{day}'", "view", "'Yes'"))
    source = export.source()
    state = pulled(source)[-1].state
    assert state == {"mark": "2026-11-18", "next": None}
    export.day("20261115", ("'late'", "view", "'Yes'"))
    export.day("20261119", ("'new'", "view", "'Yes'"))
    found = [row["person"] for row in rows_of(source, pulled(source, state))]
    assert found == ["late", "C20261116", "C20261117", "C20261118", "new"]


def test_a_pull_that_is_cut_goes_on_at_its_day(export: Export) -> None:
    for day in ("20261116", "20261117", "20261118"):
        export.day(day, *((f"'{day}-{number}'", "view", "'Yes'") for number in range(4)))
    source = export.source()
    pages = pulled(source)
    whole = {row["person"] for row in rows_of(source, pages)}
    assert len(whole) == 12
    for cut in range(1, len(pages)):
        seen = rows_of(source, pages[:cut]) + rows_of(source, pulled(source, pages[cut - 1].state))
        assert {row["person"] for row in seen} == whole


def test_tables_of_before_a_column_was_there_are_read(export: Export) -> None:
    export.day("20261118", ("'C1'", "view", ""), older=True)
    source = export.source()
    (row,) = rows_of(source, pulled(source))
    assert (row["person"], row["place"], row["revenue"], row["ads"]) == ("C1", None, None, None)


def test_consent_of_analytics_only_vetoes(export: Export) -> None:
    said = dict(export.source().resources[0].shape.consents)
    assert set(said) == {"ads"}
    for name, consent in export.source().resources[0].shape.consents:
        assert (name, consent.purpose in ADS, consent.states, consent.silent) == (
            "ads",
            True,
            {"no": ConsentState.REFUSED},
            ("yes",),
        )


def test_the_dataset_is_named_by_its_address() -> None:
    with pytest.raises(DefinitionError, match="bigquery://"):
        Ga4Export("site", Ga4ExportSettings(kind="ga4_export", url="bigquery://project"), folder=Path())


def test_a_check_says_how_far_it_goes(export: Export) -> None:
    (empty,) = export.source().check()
    assert "no day" in empty.message
    export.day("20261118", ("'C1'", "view", "'Yes'"))
    (check,) = export.source().check()
    assert str(date(2026, 11, 18)) in check.message
