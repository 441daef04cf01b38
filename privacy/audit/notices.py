"""`audit notice`: a text as people read it, whom it names, what proves that it was shown, what rests on it."""

import pyarrow.compute as pc
from sqlalchemy import and_, func, select

from passerelle.privacy.audit.answer import Answer, Found, Line, found, summed, tally
from passerelle.privacy.audit.coverage import judged
from passerelle.privacy.audit.known import Known
from passerelle.privacy.audit.times import iso
from passerelle.privacy.consent.documents import kept
from passerelle.privacy.consent.notice import Version, notice_digest
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import ConsentState

_PERMITTING = [state.value for state in ConsentState if state.permits]


def notice(known: Known, name: str) -> Answer:
    """Every version of the notice called `name`, or the one version `name@n`.

    Raises `DefinitionError` where there is none of that name.
    """
    held = known.gate.notice_versions(known.connection)
    mine = {ref: version for ref, version in sorted(held.items()) if name in {ref, ref.partition("@")[0]}}
    if not mine:
        known_names = ", ".join(sorted({ref.partition("@")[0] for ref in held})) or "none"
        raise DefinitionError(f"There is no such notice. Known: {known_names}.")
    lines = [_line(known, ref, version) for ref, version in mine.items()]
    rests = _resting(known, set(mine))
    bare = [line for line in lines if line["statements"] and not (line["screenshot_sha256"] or line["form_sha256"])]
    return Answer(
        facts={"versions": len(lines), "statements": sum(line["statements"] for line in lines)},
        tables={"versions": lines, "resting": rests},
        findings=found(Found("versions with consents have neither a screenshot's nor a form's digest", len(bare))),
        advice="Add `screenshot_sha256` or `collection_code_sha256` to the next version, as proof of what was shown.",
    )


def _line(known: Known, reference: str, version: Version) -> Line:
    row, c = kept(known.connection, "notice", name=reference), t.consent_event.c
    wanted = and_(c.notice == reference, c.log_index < known.log_size, c.state.in_(_PERMITTING))
    on_file = row is not None and row["log_index"] < known.log_size
    return {
        "notice": reference,
        "language": version.language,
        "purposes": [one.value for one in version.purposes],
        "recipients": [one.value for one in version.recipients],
        "valid_from": version.valid_from.isoformat(),
        "valid_to": None if version.valid_to is None else version.valid_to.isoformat(),
        "statements": known.connection.scalar(select(func.count()).where(wanted)) or 0,
        "text": version.text,
        "screenshot_sha256": version.screenshot_sha256,
        "form_sha256": version.collection_code_sha256,
        "digest": notice_digest(reference, version),
        "on_file_since": iso(row["recorded_at"]) if row is not None and on_file else None,
        "log_index": row["log_index"] if row is not None and on_file else None,
    }


def _resting(known: Known, references: set[str]) -> list[Line]:
    """People who may be shared because of these versions."""
    lines: list[Line] = []
    for part in judged(known, known.purposes()):
        yes = part.table.filter(pc.and_(part.table["allowed"], pc.is_valid(part.table["notice"])))
        about = {"purpose": part.aim[0].value, "destination": part.aim[1].value}
        lines += [{**about, **line} for line in tally(yes, ["notice"]) if line["notice"] in references]
    return summed(lines, ["notice", "purpose", "destination"])
