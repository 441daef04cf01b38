"""A pinned API version, and how long it lasts."""

from dataclasses import dataclass
from datetime import date, timedelta

from passerelle.connectors.contract.destination import Check
from passerelle.privacy.errors import PasserelleError

WARNING = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version of a platform's API. `estimated`: the platform gave no date, so its usual interval is taken."""

    name: str
    released: date
    sunset: date
    link: str
    estimated: bool = False


def failed(name: str, problem: PasserelleError) -> Check:
    """A look that ended in an error: a warning where it may pass by itself."""
    return Check(name, "warning" if problem.retryable else "failed", problem.message, problem.advice)


def check_sunset(what: str, version: ApiVersion, today: date) -> Check:
    """A warning 90 days before the version ends, a failure after it."""
    name = f"{what} {version.name}"
    left = (version.sunset - today).days
    about = "about " if version.estimated else ""
    if left < 0:
        return Check(
            name,
            "failed",
            f"This version ended {about}on {version.sunset}.",
            "Update Passerelle, or set a newer version.",
        )
    if today + WARNING >= version.sunset:
        return Check(
            name,
            "warning",
            f"This version ends {about}on {version.sunset}, in {left} days.",
            f"Update before. See {version.link}",
        )
    return Check(name, "ok", f"This version lasts until {about}{version.sunset}.")
