"""Exports of consent platforms, pulled: the same comes of them as of `consent import`."""

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.errors import PasserelleError
from passerelle.workflows.pull import Seams
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.verbs.consent_import import ImportResult
from tests.privacy.consent.signals.payloads import ADS_PURPOSE, didomi_event, onetrust_receipt
from tests.workflows.pulls import NOW, Shop
from tests.workflows.verbs.people import ask

MEANS = {"purpose": "ad_list_matching", "notice": "ads-2026@1", "recipients": ["meta"]}
ONETRUST = {"signal": "onetrust", "purposes": {ADS_PURPOSE: MEANS}}
RECORDS_OF_ROWS: dict[str, Any] = {
    "signal": "records",
    "who": {"email": "who"},
    "statements": [
        {"purpose": "ad_list_matching", "at": "at", "state": {"key": "ads", "given": ["oui"]}, "notice": "ads-2026@1"}
    ],
}
DIDOMI = {"signal": "didomi", "purposes": {"ads": MEANS}}
CANARY = "canary.8c1f@example.net"
SAID = ("purpose", "state", "event_time", "notice", "recipients", "grade", "stream", "adapter", "identified_by")


def source(mapping: dict[str, Any], path: str = "data/cmp*.jsonl") -> dict[str, Any]:
    return {
        "kind": "consent_files",
        "path": path,
        "signal": mapping["signal"],
        "mapping": json.loads(json.dumps(mapping)),
    }


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path, {"cmp": source(ONETRUST)})
    yield made
    made.close()


def receipt(number: int, kind: str = "CONFIRMED", **more: object) -> dict[str, Any]:
    return onetrust_receipt({"transactionType": kind}, dataSubjectIdentifier=f"person.{number}@example.org", **more)


def export(shop: Shop, content: Sequence[Any] | str, name: str = "cmp.jsonl", *, at: int = 1_790_000_000) -> Path:
    path = shop.folder / "data" / name
    text = content if isinstance(content, str) else "".join(json.dumps(one) + "\n" for one in content)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))
    return path


def imported(shop: Shop, path: Path, mapping: dict[str, Any]) -> ImportResult:
    shop.close()
    (shop.folder / "mapping.yaml").write_text(json.dumps(mapping), encoding="utf-8")
    words = {"file": path, "source": "cmp", "signal": mapping["signal"], "mapping": shop.folder / "mapping.yaml"}
    result = ask(shop.folder, "consent import", now=NOW, **words)
    assert isinstance(result, ImportResult)
    return result


RECORDS = {
    "onetrust": (ONETRUST, [receipt(1), receipt(2, "WITHDRAWN"), receipt(3, test=True), receipt(4, "PENDING")]),
    "didomi": (DIDOMI, [didomi_event(("ads", True)), didomi_event(("ads", False), regulation="cpra")]),
}


@pytest.mark.parametrize("vendor", RECORDS)
def test_what_is_pulled_is_what_would_be_imported(tmp_path: Path, vendor: str) -> None:
    mapping, records = RECORDS[vendor]
    shop = Shop(tmp_path, {"cmp": source(mapping)})
    path = export(shop, records)
    (report,) = shop.pull().sources
    pulled = shop.rows("consent_event", *SAID)
    again = imported(shop, path, mapping)
    assert report.error is None
    assert (again.new, again.known, again.refused) == (0, report.consents, 0)
    assert pulled == shop.rows("consent_event", *SAID) != []
    shop.close()


def test_a_withdrawal_is_known_with_the_next_pull_and_what_is_known_is_not_read_again(shop: Shop) -> None:
    export(shop, [receipt(1)])
    assert [one.consents for one in shop.pull().sources] == [1]
    assert [one.rows for one in shop.pull().sources] == [0]
    export(shop, [receipt(1, "WITHDRAWN", interactionDate="2026-11-01T00:00:00Z")], "cmp2.jsonl")
    (report,) = shop.pull().sources
    assert (report.rows, report.consents, report.new_people) == (1, 1, 0)
    assert {state for (state,) in shop.rows("consent_event", "state")} == {"ConsentGiven", "ConsentWithdrawn"}
    assert shop.lake("cmp") == []


def test_a_pull_that_is_cut_goes_on_after_the_last_page_that_was_kept(shop: Shop) -> None:
    """In an array on one line, which no line number could tell apart."""
    shop.configure({"cmp": source(ONETRUST, "data/cmp*.json")})
    export(shop, json.dumps([receipt(number) for number in range(7)]), "cmp.json")

    class Died(BaseException):
        """As a kill would be."""

    kept: list[str] = []

    def fault(step: str) -> None:
        kept.append(step)
        if kept.count("people kept") == 3:
            raise Died

    with pytest.raises(Died):
        shop.pull(seams=Seams(page_rows=2, fault=fault))
    (report,) = shop.pull(seams=Seams(page_rows=2)).sources
    assert report.rows == 3
    assert len(shop.rows("consent_event", "subject_id")) == 7


def test_what_cannot_be_read_is_quarantined_by_its_line_and_what_says_nothing_is_counted(shop: Shop) -> None:
    broken = f'{{"dataSubjectIdentifier": "{CANARY}",\n'
    export(shop, json.dumps(receipt(1)) + "\n" + broken + json.dumps(receipt(2, test=True)) + "\n")
    (report,) = shop.pull().sources
    assert shop.rows("quarantine", "source", "place", "reason") == [("cmp", "data/cmp.jsonl:2", "not_a_record")]
    assert report.warnings == ["1 records: the receipt is a test."]
    export(shop, [receipt(1)], at=1_790_000_060)
    assert shop.pull().sources[0].error is None
    assert shop.rows("quarantine", "place") == []


def test_a_file_that_breaks_off_keeps_what_stands_before_and_says_where(shop: Shop) -> None:
    shop.configure({"cmp": source(ONETRUST, "data/cmp*.json")})
    export(shop, json.dumps([receipt(1), receipt(2)])[:-1] + f', "{CANARY}', "cmp.json")
    (report,) = shop.pull().sources
    assert isinstance(report.error, PasserelleError)
    assert (report.error.exit_code, report.consents) == (2, 2)
    assert CANARY not in repr((report.error.message, report.error.advice))


@pytest.mark.parametrize("ending", ["jsonl.gz", "json.gz", "csv.gz"])
def test_a_packed_export_is_read_as_it_is_unpacked(tmp_path: Path, ending: str) -> None:
    """By its bytes: a file that is packed again, or not any more, is the same export."""
    shop = Shop(tmp_path, {"cmp": source(RECORDS_OF_ROWS if "csv" in ending else ONETRUST, f"data/cmp.{ending}")})
    text = {
        "jsonl.gz": "".join(json.dumps(receipt(number)) + "\n" for number in range(3)),
        "json.gz": json.dumps([receipt(number) for number in range(3)]),
        "csv.gz": "who,ads,at\n" + "".join(f"p{n}@example.org,oui,2026-10-01T00:00:00Z\n" for n in range(3)),
    }[ending]
    path = shop.folder / "data" / f"cmp.{ending}"
    path.write_bytes(gzip.compress(text.encode()))
    (packed,) = shop.pull().sources
    assert (packed.error, packed.consents) == (None, 3)
    path.write_text(text, encoding="utf-8")
    assert [(one.error, one.rows, one.consents) for one in shop.pull().sources] == [(None, 3, 0)]
    shop.close()


def test_a_packed_export_that_is_not_whole_yet_is_for_later(shop: Shop) -> None:
    shop.configure({"cmp": source(ONETRUST, "data/cmp.jsonl.gz")})
    packed = gzip.compress("".join(json.dumps(receipt(number)) + "\n" for number in range(3)).encode())
    path = shop.folder / "data" / "cmp.jsonl.gz"
    path.write_bytes(packed[:-20])
    (report,) = shop.pull().sources
    assert isinstance(report.error, PasserelleError)
    assert (report.error.exit_code, report.consents) == (75, 0)
    path.write_bytes(packed)
    assert [(one.error, one.consents) for one in shop.pull().sources] == [(None, 3)]


def test_sources_says_what_would_come(shop: Shop) -> None:
    export(shop, [receipt(1), receipt(2, "WITHDRAWN")])
    shop.close()
    tested = ask(shop.folder, "sources test", name="cmp").model_dump()["resources"][0]
    states = {"ConsentGiven": 1, "ConsentWithdrawn": 1}
    assert (tested["rows"], tested["consents"]) == (2, {"ad_list_matching": states})
    assert ask(shop.folder, "sources list").model_dump()["sources"][0]["consents"] == ["onetrust"]
    assert "`onetrust` knows of consent" in ask(shop.folder, "sources docs", name="cmp").model_dump()["page"]
    assert shop.rows("consent_event", "event_id") == []


SAYS = RECORDS_OF_ROWS["statements"][0]
BY_WORD = {"notice_from": {"key": "text", "words": {"old": "ads-2026@1", "new": "ads-2031@7"}}}


@pytest.mark.parametrize(
    "wrong",
    [
        {**ONETRUST, "purposes": {ADS_PURPOSE: {**MEANS, "notice": "ads-2031@7"}}},
        {**RECORDS_OF_ROWS, "statements": [SAYS, {**SAYS, "notice": "ads-2031@7"}]},
        {**RECORDS_OF_ROWS, "statements": [{name: SAYS[name] for name in SAYS if name != "notice"} | BY_WORD]},
    ],
)
def test_a_mapping_that_names_a_notice_that_is_not_there_is_refused_with_its_line(
    shop: Shop, wrong: dict[str, Any]
) -> None:
    shop.configure({"cmp": source(wrong)})
    with pytest.raises(Unusable, match=r"passerelle\.yaml, line \d+: there is no notice `ads-2031@7`"):
        shop.open()
