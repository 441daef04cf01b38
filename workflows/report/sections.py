"""The sections of the report, each made of one answer. Pure."""

from collections.abc import Sequence

from passerelle.privacy.audit.answer import Line
from passerelle.workflows.report.blocks import Blocks
from passerelle.workflows.report.gather import Gathered
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.report.pictures import Bar, Column, bars, columns

_MOST = 40
"""Lines of a table that might be long; what is left out is added up in the tables above it."""


def record(found: Gathered, blocks: Blocks) -> Markup:
    """The record of processing."""
    answer = found.answers["record"]
    processing = ("audience", "purpose", "destination", "basis", "jurisdictions", "validity_days", "people")
    measures = [tag("li", blocks.language.word("measure", line["measure"])) for line in answer.tables["security"]]
    return joined(
        [
            blocks.lead("record"),
            blocks.facts(answer.facts.items()),
            blocks.headed("processing", blocks.table(answer.tables["processing"], processing)),
            blocks.headed(
                "sources", blocks.table(answer.tables["sources"], ("source", "kind", "identifiers", "consents"))
            ),
            blocks.headed("security", tag("ul", *measures)),
        ]
    )


def vendors(found: Gathered, blocks: Blocks) -> Markup:
    """Recipients, and what is on file about them."""
    names = ("destination", "platform", "entity", "terms_accepted", "joint_controllers", "dpia", "transfers", "missing")
    lines = found.answers["vendors"].tables["vendors"]
    shown = (*names, "local_twin") if any(line["local_twin"] for line in lines) else names
    return joined([blocks.lead("vendors"), blocks.table(lines, shown)])


def consents(found: Gathered, blocks: Blocks) -> Markup:
    """Coverage, with pictures."""
    answer, language = found.answers["consents"], blocks.language
    coverage = answer.tables["coverage"]
    several = len({line["purpose"] for line in coverage}) > 1
    drawn = [
        Bar(
            _aim(line, blocks, several=several),
            line["allowed"],
            f"{language.cell(line['allowed'])} {language.say('of')} {language.cell(line['people'])}",
            line["people"],
        )
        for line in coverage
    ]
    pivots = [
        blocks.headed(name, _pivot(answer.tables[table], key, blocks))
        for name, table, key in (("reasons", "reasons", "reason"), *((f"by_{one}", f"by_{one}", one) for one in _RESTS))
    ]
    return joined(
        [
            blocks.lead("consents"),
            blocks.headed("coverage", _picture(bars(drawn, title=language.say("head.coverage")), coverage)),
            blocks.table(_platforms(coverage), ("purpose", "platform", "people", "allowed", "percent")),
            blocks.headed("by_age", _ages(answer.tables["by_age"], blocks, several=several)),
            *pivots,
        ]
    )


_RESTS = ("source", "notice", "country")


def _aim(line: Line, blocks: Blocks, *, several: bool) -> str:
    """A platform, and the purpose where there are several."""
    platform = blocks.language.word("platform", line["destination"])
    return f"{platform}: {blocks.language.word('purpose', line['purpose'])}" if several else platform


def _pivot(lines: Sequence[Line], key: str, blocks: Blocks) -> Markup:
    """A line per purpose and value of `key`, a column per platform."""
    found: dict[tuple[str, str], Line] = {}
    for line in lines:
        row = found.setdefault((line["purpose"], str(line[key])), {"purpose": line["purpose"], key: line[key]})
        row[line["destination"]] = row.get(line["destination"], 0) + line["people"]
    platforms = sorted({line["destination"] for line in lines})
    return blocks.table(list(found.values())[:_MOST], ("purpose", key, *platforms))


def _platforms(lines: Sequence[Line]) -> list[Line]:
    """Lines whose `destination` is a platform, with it under that name."""
    return [{**line, "platform": line["destination"]} for line in lines]


def _ages(lines: Sequence[Line], blocks: Blocks, *, several: bool) -> Markup:
    language = blocks.language
    rows = [
        Bar(
            f"{_aim(line, blocks, several=several)}, {language.word('age', line['age'])}",
            line["people"],
            language.cell(line["people"]),
        )
        for line in sorted(lines, key=lambda line: (line["purpose"], line["destination"], _AGES.index(line["age"])))
    ]
    return _picture(bars(rows, title=language.say("head.by_age")), lines) if rows else blocks.table([], ())


_AGES = ("up to 6 months", "6 to 13 months", "13 to 24 months", "over 24 months", "unknown")


def expired(found: Gathered, blocks: Blocks) -> Markup:
    """Consents that have ended."""
    tables = found.answers["expired"].tables
    ended = blocks.table(_platforms(tables["expired"]), ("purpose", "platform", "still_there", "people"))
    older = blocks.table(_platforms(tables["older_than_13_months"]), ("platform", "source", "notice", "people"))
    return joined([blocks.lead("expired"), blocks.headed("expired", ended), blocks.headed("older", older)])


def uploads(found: Gathered, blocks: Blocks) -> Markup:
    """Uploads by month, and by audience and recipient."""
    answer, say = found.answers["uploads"], blocks.language.say
    lines = [line for line in answer.tables["uploads"] if line["state"] != "superseded"]
    legend = (say("legend.added"), say("legend.removed"))
    drawn = columns(_months(lines), title=say("head.months"), legend=legend)
    names = ("audience", "destination", "purpose", "basis", "batches", "added", "removed", "rejected", "pending")
    return joined(
        [
            blocks.lead("uploads"),
            blocks.cards((name, answer.facts[name]) for name in ("batches", "rows", "accepted", "rejected", "pending")),
            blocks.headed("months", _picture(drawn, lines)) if lines else None,
            blocks.headed("places", blocks.table(_places(lines), names)),
        ]
    )


def _months(lines: Sequence[Line]) -> list[Column]:
    sums: dict[str, list[int]] = {}
    for line in lines:
        month = sums.setdefault(line["intended_at"][:7], [0, 0])
        month[line["action"] != "add"] += line["accepted"] + line["pending"]
    return [Column(month, *sums[month]) for month in sorted(sums)[-_MOST:]]


def _places(lines: Sequence[Line]) -> list[Line]:
    found: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        key = (line["audience"], line["destination"], line["purpose"] or "")
        empty = {"basis": [], "batches": 0, "added": 0, "removed": 0, "rejected": 0, "pending": 0}
        place = found.setdefault(key, {**dict(zip(("audience", "destination", "purpose"), key, strict=True)), **empty})
        place["basis"] = sorted({*place["basis"], *line["basis"]})
        place["batches"] += 1
        place["added" if line["action"] == "add" else "removed"] += line["accepted"]
        place["rejected"] += line["rejected"]
        place["pending"] += line["pending"]
    return [found[key] for key in sorted(found)]


def withdrawals(found: Gathered, blocks: Blocks) -> Markup:
    """How fast a no took effect."""
    answer, language = found.answers["withdrawals"], blocks.language
    names = ("confirmed", "median_hours", "p95_hours", "worst_hours", "late", "open", "overdue")
    drawn = [
        Bar(
            language.say(f"fact.{name}"),
            answer.facts[name],
            f"{language.cell(answer.facts[name])} {language.say('hours')}",
        )
        for name in ("median_hours", "p95_hours", "worst_hours")
        if answer.facts[name] is not None
    ]
    return joined(
        [
            blocks.lead("withdrawals", limit=found.limit_hours),
            blocks.cards((name, answer.facts[name]) for name in names),
            tag("figure", bars(drawn, title=language.say("sec.withdrawals"))) if drawn else None,
            blocks.headed("causes", blocks.table(answer.tables["causes"], ("cause", *names))),
        ]
    )


def debt(found: Gathered, blocks: Blocks) -> Markup:
    """Removals that are owed."""
    lines = found.answers["debt"].tables["owed"]
    return joined([blocks.lead("debt"), blocks.table(lines, ("audience", "destination", "cause", "people", "hours"))])


def unlawful(found: Gathered, blocks: Blocks) -> Markup:
    """Members without a right to be there, and uploads judged again."""
    answer = found.answers["unlawful"]
    names = ("members", "unlawful", "undecided", "uploads_judged", "people_judged", "wrong_then", "wrong_now")
    shown = ("audience", "destination", "members", "unlawful", "owed", "undecided")
    return joined(
        [
            blocks.lead("unlawful"),
            blocks.cards((name, answer.facts[name]) for name in names),
            blocks.table(answer.tables["audiences"], shown),
        ]
    )


def erasures(found: Gathered, blocks: Blocks) -> Markup:
    """Erasures, and what is kept of them."""
    tables = found.answers["erasures"].tables
    shown = blocks.table(
        tables["erasures"][-_MOST:], ("erasure", "state", "asked_at", "done_at", "days", "evidence_until")
    )
    kept = blocks.headed("retained", blocks.table(tables["retained"], ("what", "count", "why", "until")))
    return joined([blocks.lead("erasures"), shown, kept if tables["retained"] else None])


def freshness(found: Gathered, blocks: Blocks) -> Markup:
    """How old the sources of consent are."""
    names = ("source", "resource", "pulled_at", "known_until", "state", "age_hours", "limit_hours")
    return joined([blocks.lead("freshness"), blocks.table(found.answers["freshness"].tables["sources"], names)])


def policy(found: Gathered, blocks: Blocks) -> Markup:
    """The rules, and every change of them."""
    names = ("purpose", "destinations", "jurisdictions", "lawful_basis", "evidence", "validity_days", "minimum_size")
    changed = ("since", "version", "approvers", "rules", "log_index")
    return joined(
        [
            blocks.lead("policy", version=found.policy["version"], digest=found.policy["digest"]),
            blocks.headed("rules", blocks.table(found.rules, (*names, "minimum_age"))),
            blocks.headed("changes", blocks.table(found.policy["changes"][-_MOST:], changed)),
        ]
    )


def notices(found: Gathered, blocks: Blocks) -> Markup:
    """The texts, word for word."""
    names = ("language", "purposes", "recipients", "valid_from", "valid_to", "statements")
    shown = [
        joined([tag("h3", line["notice"]), tag("blockquote", line["text"]), blocks.table([line], names)])
        for line in found.notices
    ]
    return joined([blocks.lead("notices"), *(shown or [blocks.table([], ())])])


def log(found: Gathered, blocks: Blocks) -> Markup:
    """How far the log has come, its checkpoint, and how to check it."""
    state, say = found.log, blocks.language.say
    verdict = {True: "log.verified", False: "log.broken", None: "log.unchecked"}[state.verified]
    signed = [
        tag("h3", say("log.checkpoint", size=state.checkpoint_size, at=blocks.language.time(state.signed_at))),
        tag("pre", state.checkpoint),
    ]
    facts = (("origin", state.origin), ("log", state.size), ("root", state.root), ("verifier", state.verifier))
    return joined(
        [
            blocks.lead("log"),
            tag("div", tag("p", say(verdict)), class_="verdict bad" if state.verified is False else "verdict"),
            tag("ul", *(tag("li", problem) for problem in state.problems[:_MOST])) if state.problems else None,
            blocks.facts(facts),
            *(signed if state.checkpoint else [tag("p", say("log.none"), class_="none")]),
            tag("h3", say("log.how")),
            tag("ul", *(tag("li", say(f"log.how{number}")) for number in range(1, 5))),
        ]
    )


def _picture(drawn: Markup, lines: Sequence[Line]) -> Markup:
    return tag("figure", drawn) if lines else joined([])
