"""`audit keys`: which keys there are and were, what each is for, who holds them, which pseudonyms are in use."""

from typing import TYPE_CHECKING

from passerelle.workflows.verbs.audit.asof import AsOfRequest
from passerelle.workflows.verbs.audit.key_lines import Line, event_line, generation_line
from passerelle.workflows.verbs.audit.question import Asked, Columns, Question
from passerelle.workflows.verbs.contract import AnyVerb

if TYPE_CHECKING:
    from passerelle.privacy.audit.answer import Answer

_ADVICE = "`passerelle keys rotate` goes on with a rotation; `passerelle keys retire` destroys what is retired."


def _keys(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.answer import Answer, Found, found
    from passerelle.privacy.rotation.inventory import generations, history
    from passerelle.privacy.rotation.uses import Use, standing

    keys, log = asked.workspace.keys(), asked.workspace.log()
    events = history(asked.connection, asked.until.log_size)
    present = generations(asked.connection, keys)
    then = {event.generation for event in events if event.action in {"created", "rotate"}}
    shown = [each for each in present if not asked.until.past or each.generation in then]
    verifiers: list[Line] = [
        {"from_size": size, "verifier": text} for size, text in log.verifiers(asked.connection).texts
    ]
    unfinished = sum(bool(standing(asked.connection, use).leaving) for use in Use)
    kept = sum(each.retired_at is not None and each.master for each in present)
    return Answer(
        facts={
            "held_in": "a command" if asked.workspace.settings.keys.command else "a file of this user alone",
            "pseudonym_version": f"s{len(standing(asked.connection, Use.REFERENCE).path)}",
            "rotations": sum(event.action == "rotate" for event in events),
            "copies_sealed": sum(event.action == "export" for event in events),
        },
        tables={
            "generations": [generation_line(each) for each in shown],
            "verifiers": [each for each in verifiers if each["from_size"] <= asked.until.log_size],
            "actions": [event_line(each) for each in events],
        },
        findings=found(
            Found("uses of a key whose rotation is unfinished", unfinished),
            Found("retired generations whose master is still in the key file", kept),
        ),
        advice=_ADVICE,
    )


VERBS: list[AnyVerb] = [
    Question(
        "keys",
        "The master key's generations, what each is for, every action on them, and which key signs the log since when.",
        "a rotation that is unfinished, or a retired key that is not destroyed",
        _keys,
        (
            Columns("generations", "Generations", ("generation", "key", "state", "added", "replaced", "retired")),
            Columns("verifiers", "Who signs the log", ("from_size", "verifier")),
            Columns("actions", "Actions on keys", ("entry", "at", "action", "generation", "key", "of")),
        ),
    ).verb()
]
