"""From settings to the same values that a connector in Python is made of."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from passerelle.connectors.authentication import Authentication, Basic, Nobody, StaticHeader
from passerelle.connectors.contract.asking import Window
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
from passerelle.connectors.exchange import Clock
from passerelle.connectors.http import Endpoint, Session
from passerelle.connectors.oauth import ClientCredentials, OAuth, Refresh
from passerelle.connectors.quota import AdaptivePace, HeaderQuota, Pace, Quota, Together
from passerelle.connectors.sources.rest.settings import Limit, Login, Paging, RestSettings

RECORDS = "records"


class Rest(RestSource):
    """A vendor described in YAML. Its values come as text and are cast as the fields say."""

    Settings: ClassVar[type[SourceSettings]] = RestSettings

    def __init__(self, name: str, settings: RestSettings, *, folder: Path, clock: Clock | None = None) -> None:
        login = _login(settings.authentication, folder, private=settings.allow_private)
        endpoint = Endpoint(settings.url, allow_private=settings.allow_private)
        shape = settings.nested()
        resource = RestResource(
            RECORDS,
            loose_record(shape),
            path=settings.path,
            records=settings.records,
            pages=_pages(settings.paging),
            query=_query(settings.query),
            overlap=settings.overlap,
            count=settings.count,
            sparse=settings.sparse,
            declared=shape,
            timezone=settings.timezone,
        )
        super().__init__(
            name,
            [resource],
            lambda: Session(endpoint, authentication=login, headers=settings.headers, clock=clock),
            quotas={"": _quota(settings.quota)},
        )


def _query(given: Mapping[str, str]) -> Callable[[Window], Mapping[str, str]]:
    def query(window: Window) -> Mapping[str, str]:
        words = _words(window)
        wanted = {name: value for name, value in given.items() if window.since is not None or "{since" not in value}
        return {name: _filled(value, words) for name, value in wanted.items()}

    return query


def _words(window: Window) -> dict[str, str]:
    since = window.since or 0
    return {
        "since": window.since_iso,
        "since_date": _day(since),
        "since_seconds": str(since // 1_000_000),
        "since_milliseconds": str(since // 1000),
        "until": window.until_iso,
        "until_date": _day(window.until),
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
