"""A real Tryton, an ERP with a REST API that pages by Range, merges and keeps what is out of use."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.install import Unavailable
from tests.servers.running import Tryton, tryton
from tests.workflows.pulls import Shop

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(600)]

KEY = "a-key-of-the-rest-api"
COUNT = 25


@pytest.fixture
def erp(tmp_path: Path) -> Tryton:
    (tmp_path / "erp").mkdir()
    try:
        return tryton(tmp_path / "erp", KEY, COUNT)
    except Unavailable as problem:
        pytest.skip(str(problem))


def source(url: str, key: str = "erp.key") -> dict[str, Any]:
    domain, order = (
        urlsafe_b64encode(json.dumps(said).encode()).decode()
        for said in ([["active", "in", [True, False]]], [["id", "ASC"]])
    )
    return {
        "kind": "rest",
        "url": url,
        "allow_private": True,
        "path": "shop/rest/model/party.party",
        "authentication": {"header": {"prefix": "Bearer ", "token_file": key}},
        "query": {"f": ["{fields}"], "d": domain, "o": order},
        "paging": {"range": {"size": 2}},  # the first pages say that there are more than they count
        "grain": "person",
        "fields": {
            "id": {"key": True, "identifier": "external_id"},
            "email": {"identifier": "email"},
            "code": {"attribute": "string"},
            "active": {"tombstone": ["0", "false"]},
            "replaced_by": {"merged_into": True},
        },
    }


def test_parties_are_read_to_the_last_and_what_merged_or_ended_leaves(erp: Tryton, tmp_path: Path) -> None:
    shop = Shop(tmp_path, {})
    for name, key in (("erp.key", KEY), ("wrong.key", "x")):
        (shop.folder / name).write_text(key, encoding="utf-8")
        (shop.folder / name).chmod(0o600)
    with erp.served() as url:
        shop.configure({"erp": source(url), "closed": source(url, "wrong.key")})
        reports = {one.source: one for one in shop.pull().sources}
        assert (reports["erp"].error, reports["erp"].rows) == (None, COUNT)
        assert reports["closed"].error is not None
        assert reports["closed"].error.exit_code == 2
    people = dict(shop.lake("erp", "code", "subject_id"))
    assert len(set(people.values())) == COUNT
    erp.run("change")
    with erp.served() as url:
        shop.configure({"erp": source(url)})
        assert [one.error for one in shop.pull().sources] == [None]
    after = dict(shop.lake("erp", "code", "subject_id"))
    assert set(after) == set(people) - {"C2", "C3"} | {f"C{COUNT + 1}"}
    assert {code: after[code] for code in people if code in after} == {
        code: people[code] for code in after if code in people
    }
    assert (people["C2"], people["C1"]) in shop.rows("subject", "subject_id", "merged_into")
    shop.close()
