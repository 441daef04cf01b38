"""What `doctor` asks Meta: version, token, terms and permission. Nothing is changed."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from passerelle.connectors.contract.destination import Check
from passerelle.connectors.destinations.api_version import check_sunset, failed
from passerelle.connectors.destinations.meta_api import VERSIONS
from passerelle.privacy.errors import PasserelleError

if TYPE_CHECKING:
    from passerelle.connectors.destinations.meta_wire import MetaWire

_FIELDS = "id,name,account_status,tos_accepted,user_tasks"
_TERMS = "An admin of the ad account opens business.facebook.com/ads/manage/customaudiences/tos and accepts them."


def version_check(name: str, today: date) -> Check:
    """How long the pinned version lasts."""
    version = VERSIONS.get(name)
    if version is None:
        return Check(f"Meta API {name}", "warning", "This version's end is not known here.")
    return check_sunset("Meta API", version, today)


def account_checks(wire: "MetaWire", ad_account: str) -> Iterator[Check]:
    """How token and ad account stand."""
    try:
        account = wire.get((ad_account,), fields=_FIELDS)
    except PasserelleError as problem:
        yield failed("Meta token", problem)
        return
    yield Check("Meta token", "ok", "Meta accepts the token.")
    yield from _looked_at(account)


def _looked_at(account: Mapping[str, Any]) -> Iterator[Check]:
    tasks, accepted = account.get("user_tasks") or [], account.get("tos_accepted") or {}
    if accepted.get("custom_audience_tos") == 1:
        yield Check("Meta terms", "ok", "The Custom Audience terms are accepted.")
    else:
        yield Check("Meta terms", "failed", "The Custom Audience terms are not accepted.", _TERMS)
    if {"ADVERTISE", "MANAGE"} & set(tasks):
        yield Check("Meta permission", "ok", "The token may manage campaigns on this ad account.")
    else:
        advice = "Give the System User the task 'Manage campaigns' on this ad account."
        yield Check("Meta permission", "warning", "The token may perhaps not manage campaigns.", advice)
    if account.get("account_status") != 1:
        advice = "Look at it in Meta's Business settings."
        yield Check("Meta ad account", "warning", "The ad account is not active.", advice)
