"""google-ads, for what it remains right for: size, match rate and eligibility of a list, by one GAQL query."""

from passerelle.connectors.contract.destination import AudienceState
from passerelle.connectors.destinations.google_ads_wire import AdsWire
from passerelle.connectors.destinations.google_types import Message

QUERY = (
    "SELECT user_list.id, user_list.membership_status, user_list.size_for_search, user_list.size_for_display, "
    "user_list.match_rate_percentage, user_list.eligible_for_search, user_list.eligible_for_display FROM user_list"
)


def state_of(wire: AdsWire, list_id: str) -> AudienceState | None:
    """Size, match rate and eligibility of a list; None where Google Ads does not know it (yet)."""
    rows = wire.search(f"{QUERY} WHERE user_list.id = {int(list_id)}")
    return _state(rows[0].user_list) if rows else None


def _state(row: Message) -> AudienceState:
    sizes = [int(row.size_for_search), int(row.size_for_display)]
    problems = [
        f"Not eligible for {where} yet (Google asks for about 100 active members)."
        for where, eligible in (("Search", row.eligible_for_search), ("Display", row.eligible_for_display))
        if not eligible
    ]
    rate = int(row.match_rate_percentage)
    status = getattr(row.membership_status, "name", str(row.membership_status)).lower()
    return AudienceState(status, min(sizes), max(sizes), rate / 100 if rate else None, tuple(problems))
