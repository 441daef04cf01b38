"""From settings to the same values that a connector in Python is made of."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from passerelle.connectors.authentication import Authentication, Basic, Nobody, StaticHeader
from passerelle.connectors.contract.asking import Window
from passerelle.connectors.contract.graphql import Document, written
from passerelle.connectors.contract.paging import (
    CursorPage,
    LinkPage,
    NumberedPage,
    OffsetPage,
    OnePage,
    Paginator,
    RangePage,
)
from passerelle.connectors.contract.records import loose_record
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.exchange import ByErrors, Clock, Params, by_status
from passerelle.connectors.http import Endpoint, Session
from passerelle.connectors.oauth import ClientCredentials, OAuth, Refresh
from passerelle.connectors.quota import AdaptivePace, HeaderQuota, Pace, Quota, Together
from passerelle.connectors.sources.rest.settings import COLUMNS, Limit, Login, Paging, RestSettings

RECORDS = "records"


class Rest(RestSource):
    """A vendor described in YAML. Its values come as text and are cast as the fields say."""

    Settings: ClassVar[type[SourceSettings]] = RestSettings

    def __init__(self, name: str, settings: RestSettings, *, folder: Path, clock: Clock | None = None) -> None:
        login = _login(settings.authentication, folder, private=settings.allow_private)
        endpoint = Endpoint(settings.url, allow_private=settings.allow_private)
        shape = settings.nested()
        query = _query(settings)
        asked = None
        if settings.graphql is not None:
            counted = settings.paging is not None and settings.paging.cursor is None
            asked = Document(settings.path, written(settings.graphql, shape), query, counted).ask
        resource = RestResource(
            RECORDS,
            loose_record(shape),
            path=settings.path,
            ask=asked,
            records=settings.records,
            pages=_pages(settings.paging),
            query=query,
            overlap=settings.overlap,
            count=settings.count,
            sparse=settings.sparse,
            declared=shape,
            timezone=settings.timezone,
        )
        super().__init__(
            name,
            [resource],
            lambda: Session(
                endpoint,
                authentication=login,
                headers=settings.headers,
                judge=by_status if settings.graphql is None else ByErrors(),
                clock=clock,
            ),
            quotas={"": _quota(settings.quota)},
        )


def _query(settings: RestSettings) -> Callable[[Window], Params]:
    def query(window: Window) -> Params:
        words = _words(window)
        found: dict[str, str | list[str]] = {}
        for name, said in settings.query.items():
            if window.since is None and any("{since" in value for value in settings.values(name)):
                continue
            found[name] = _filled(said, words) if isinstance(said, str) else _each(said, window, words)
        return found

    return query


def _each(said: Sequence[str], window: Window, words: Mapping[str, str]) -> list[str]:
    """A parameter that is sent several times: `{fields}` is there once for each column."""
    several = (window.asked if value == f"{{{COLUMNS}}}" else (_filled(value, words),) for value in said)
    return [one for values in several for one in values]


def _words(window: Window) -> dict[str, str]:
    since = window.since or 0
    return {
        "since": window.since_iso,
        "since_date": _day(since),
        "since_seconds": str(since // 1_000_000),
        "since_milliseconds": str(since // 1000),
        "until": window.until_iso,
        "until_date": _day(window.until),
        COLUMNS: ",".join(window.asked),
    }


def _filled(value: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        value = value.replace(f"{{{name}}}", word)
    return value


def _day(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%d}"


def _login(login: Login | None, folder: Path, *, private: bool) -> Authentication:
    if login is None:
        return Nobody()
    if login.header is not None:
        return StaticHeader(login.header.name, login.header.secret(folder), login.header.prefix)
    if login.basic is not None:
        password = login.basic.password
        return Basic(login.basic.user.secret(folder), password.secret(folder) if password is not None else str)
    oauth: Any = login.oauth
    path = folder / oauth.file
    grant = Refresh(path) if oauth.grant == "refresh_token" else ClientCredentials(path, oauth.scope)
    return OAuth(Endpoint(oauth.token_url, allow_private=private), grant)


def _pages(paging: Paging | None) -> Paginator:
    match paging:
        case Paging(cursor=one) if one is not None:
            return CursorPage(one.at, one.parameter)
        case Paging(number=one) if one is not None:
            return NumberedPage(one.parameter, one.size, one.size_parameter, one.start)
        case Paging(offset=one) if one is not None:
            return OffsetPage(one.parameter, one.size, one.size_parameter)
        case Paging(link=one) if one is not None:
            return LinkPage(one.at)
        case Paging(range=one) if one is not None:
            return RangePage(one.size, one.unit)
        case _:
            return OnePage()


def _quota(limit: Limit | None) -> Quota:
    if limit is None:
        return AdaptivePace()
    quotas: list[Quota] = [] if limit.requests is None else [Pace(limit.requests, limit.seconds)]
    if limit.remaining is not None:
        quotas.append(HeaderQuota(limit.remaining, limit.reset, limit.unit, limit.seconds))
    return Together(*quotas)
