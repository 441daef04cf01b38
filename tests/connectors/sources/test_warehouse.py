"""Addresses of warehouses: what may stand after the question mark, and which other place may be meant."""

from urllib.parse import urlsplit

import pytest

from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql.warehouse import endpoint, folders, is_here, options


def test_options_are_known_by_name() -> None:
    where = urlsplit("snowflake://me@shop/CRM/my%20schema?warehouse=small")
    assert options(where, {"warehouse", "role"}) == {"warehouse": "small"}
    assert folders(where) == ["CRM", "my schema"]
    with pytest.raises(DefinitionError) as caught:
        options(urlsplit("snowflake://me@shop/?token=SECRET"), {"warehouse", "role"})
    assert "role, warehouse" in caught.value.advice
    assert "SECRET" not in f"{caught.value} {caught.value.advice}"


@pytest.mark.parametrize("written", ["http://elsewhere.example", "ftp://127.0.0.1", "127.0.0.1:9050", "https://"])
def test_another_place_is_reached_by_https_or_stands_here(written: str) -> None:
    with pytest.raises(DefinitionError):
        endpoint(written)


@pytest.mark.parametrize(
    ("written", "here"),
    [("http://127.0.0.1:9050", True), ("http://localhost:1", True), ("https://127.0.0.1", False), (None, False)],
)
def test_only_a_stand_in_on_this_machine_needs_no_login(written: str | None, here: bool) -> None:
    assert is_here(endpoint(written)) is here
