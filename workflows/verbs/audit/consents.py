"""`audit consents · notice · expiring · expired · conflicts · optout · children`: what consent there is."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.privacy.vocabulary import Destination, Purpose
from passerelle.workflows.verbs.audit.asof import AsOfRequest
from passerelle.workflows.verbs.audit.question import Asked, Columns, Question
from passerelle.workflows.verbs.contract import AnyVerb

if TYPE_CHECKING:
    from passerelle.privacy.audit.answer import Answer

_AIM = ("purpose", "destination")


class ConsentsRequest(AsOfRequest):
    """Which consents."""

    purpose: Purpose | None = Field(None, description="Only this purpose.")
    destination: Destination | None = Field(None, description="Only this platform.")


class NoticeRequest(AsOfRequest):
    """Which notice."""

    notice: str = Field(
        max_length=80, description="Its name, or one version: ads-2026@1.", json_schema_extra={"cli": "argument"}
    )


class ExpiringRequest(AsOfRequest):
    """How far ahead."""

    within: int = Field(60, ge=1, le=3_660, description="Days to look ahead.")


def _consents(asked: Asked[ConsentsRequest]) -> "Answer":
    from passerelle.privacy.audit.coverage import consents

    return consents(asked.known(), asked.request.purpose, asked.request.destination)


def _notice(asked: Asked[NoticeRequest]) -> "Answer":
    from passerelle.privacy.audit.notices import notice

    return notice(asked.known(), asked.request.notice)


def _expiring(asked: Asked[ExpiringRequest]) -> "Answer":
    from passerelle.privacy.audit.coverage import expiring

    return expiring(asked.known(), asked.request.within)


def _expired(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.coverage import expired

    return expired(asked.known())


def _conflicts(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.conflicts import conflicts

    return conflicts(asked.known())


def _optout(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.stops import opt_outs

    return opt_outs(asked.known())


def _children(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.stops import children

    return children(asked.known())


QUESTIONS = (
    Question(
        "consents",
        "Count consents by state, source, notice, country, lawful basis and age.",
        "a consent that names a notice which is not on file",
        _consents,
        (
            Columns("coverage", "Who may be shared", _AIM, ("people", "allowed", "percent")),
            Columns("reasons", "Why, and why not", (*_AIM, "reason"), ("people",), ("meaning",)),
            Columns("by_source", "Allowed, by source", (*_AIM, "source"), ("people",)),
            Columns("by_notice", "Allowed, by notice", (*_AIM, "notice"), ("people",)),
            Columns("by_country", "Allowed, by country", (*_AIM, "country"), ("people",)),
            Columns("by_age", "Allowed, by age of the consent", (*_AIM, "age"), ("people",)),
            Columns("statements", "Statements heard", ("purpose", "state", "notice", "grade"), ("count",)),
        ),
        ConsentsRequest,
    ),
    Question(
        "notice",
        "Show a notice: its text, whom it names, what proves that it was shown, what rests on it.",
        "a version with consents, of which neither a screenshot nor the form's code is on file",
        _notice,
        (
            Columns(
                "versions", "Versions", ("notice", "language", "valid_from", "valid_to"), ("statements",), ("text",)
            ),
            Columns("resting", "People who may be shared because of it", ("notice", *_AIM), ("people",)),
        ),
        NoticeRequest,
    ),
    Question(
        "expiring",
        "Count consents that end soon.",
        "a consent that ends within the days asked about",
        _expiring,
        (Columns("expiring", "Ending", (*_AIM, "source", "notice"), ("people",)),),
        ExpiringRequest,
    ),
    Question(
        "expired",
        "Count consents that have ended, and those older than 13 months.",
        "somebody who is still in an audience although their consent has ended",
        _expired,
        (
            Columns("expired", "Ended", (*_AIM, "still_there"), ("people",)),
            Columns("older_than_13_months", "Older than 13 months", (*_AIM, "source", "notice"), ("people",)),
        ),
    ),
    Question(
        "conflicts",
        "Show where sources disagree about a person, and what came of it.",
        "somebody who may be shared although the newest word of one source is no",
        _conflicts,
        (
            Columns("sources", "Who disagrees with whom", ("purpose", "yes_from", "no_from"), ("people",)),
            Columns("resolved", "What came of it", (*_AIM, "allowed", "reason"), ("people",)),
        ),
    ),
    Question(
        "optout",
        "Compare opt-outs that were received (GPC, GPP, US states) with what became of them.",
        "somebody who was put in again without an opt-in in two steps, or is still there after 15 business days",
        _optout,
        (
            Columns("received", "Opt-outs received", ("source", "adapter", "purpose"), ("statements",)),
            Columns(
                "places",
                "Where they are",
                ("audience", "destination"),
                ("put_in_again", "not_out_yet", "overdue", "oldest_hours"),
            ),
        ),
    ),
    Question(
        "children",
        "Count people known to be under age, and whom the rules keep out for it.",
        "somebody under age in an audience",
        _children,
        (
            Columns("flags", "Said by", ("source", "adapter"), ("statements",)),
            Columns("kept_out", "Kept out", (*_AIM, "reason"), ("people",)),
            Columns("audiences", "Audiences", ("audience", "destination"), ("members", "under_age")),
        ),
    ),
)

VERBS: list[AnyVerb] = [question.verb() for question in QUESTIONS]
