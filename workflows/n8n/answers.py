"""What every call of Passerelle gives, and how a workflow says it: outcomes, their meaning, and what to do."""

from dataclasses import dataclass

from passerelle.workflows.verbs.contract import Outcome


@dataclass(frozen=True, slots=True)
class Meaning:
    """One outcome for people: a headline, what it means, what to do where the result gives no advice of its own."""

    headline: str
    means: str
    do: str


MEANINGS: dict[Outcome, Meaning] = {
    Outcome.DONE: Meaning("Done", "Everything was carried out.", "Nothing."),
    Outcome.PENDING: Meaning(
        "Accepted, still pending",
        "The platform took the data and is still working on it.",
        "Nothing: the next run asks again.",
    ),
    Outcome.TRY_LATER: Meaning(
        "Gave up waiting",
        "The platform, a source or the store was throttled, down or locked, and stayed so for all tries of this run.",
        "Nothing yet: the next run carries on. If it lasts, look at the platform's status page.",
    ),
    Outcome.HELD_BACK: Meaning(
        "Held back by a guard",
        "A guard or an audit found something a person must look at. What it concerns was not sent; removals were.",
        "Run `passerelle plan` and look at what changed; then widen the guard on purpose, or mend the source.",
    ),
    Outcome.CONSENT_STALE: Meaning(
        "Consent is stale",
        "A source of consents was not read recently enough, so nobody was added. Removals went out.",
        "Find out why that source does not arrive, then run `passerelle pull`.",
    ),
    Outcome.REFUSED: Meaning(
        "Refused by the platform",
        "The platform refused for good: terms, a permission, a policy, or an audience that is gone.",
        "Run `passerelle doctor`; it names the missing permission or term.",
    ),
    Outcome.INVALID: Meaning(
        "A setting is wrong",
        "A file of the workspace or a request does not fit, so nothing was started.",
        "Run `passerelle doctor`; it names file and line.",
    ),
    Outcome.INTEGRITY_FAILURE: Meaning(
        "Integrity failure",
        "A key, the log or the store is not what it must be. Nothing is sent until this is cleared up.",
        "Stop all syncs, keep the files as they are, and run `passerelle audit verify`.",
    ),
    Outcome.FAILED: Meaning(
        "Failed",
        "Something unexpected went wrong.",
        "Look at the log of the machine that runs Passerelle, then run `passerelle doctor`.",
    ),
}

UNREADABLE = "Passerelle gave no readable answer: it may have been killed or could not start."
UNREACHABLE = "The runner did not answer: is it up, and is its address right?"


def meanings() -> dict[str, dict[str, str]]:
    """The table as JSON, for expressions."""
    return {word.value: {"headline": m.headline, "means": m.means, "do": m.do} for word, m in MEANINGS.items()}
