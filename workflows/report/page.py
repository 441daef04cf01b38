"""The page: a heading, the verdict, one section per theme. Pure: the same facts make the same bytes."""

from collections.abc import Sequence
from importlib.resources import files

from passerelle.privacy.audit.answer import Line
from passerelle.workflows.report import sections
from passerelle.workflows.report.blocks import Blocks
from passerelle.workflows.report.gather import Gathered
from passerelle.workflows.report.language import Language
from passerelle.workflows.report.markup import Markup, joined, page, tag

_SECTIONS = (
    ("record", sections.record),
    ("vendors", sections.vendors),
    ("consents", sections.consents),
    ("expired", sections.expired),
    ("uploads", sections.uploads),
    ("withdrawals", sections.withdrawals),
    ("debt", sections.debt),
    ("unlawful", sections.unlawful),
    ("erasures", sections.erasures),
    ("freshness", sections.freshness),
    ("policy", sections.policy),
    ("notices", sections.notices),
    ("log", sections.log),
)
NAMES = tuple(name for name, _ in _SECTIONS)


def report(found: Gathered, language: Language) -> str:
    """The whole page, as HTML that loads nothing."""
    say, blocks = language.say, Blocks(language)
    numbered = [(number, name, made(found, blocks)) for number, (name, made) in enumerate(_SECTIONS, 1)]
    body = joined(
        [
            _heading(found, language),
            _glance(found, blocks, {name: number for number, name, _ in numbered}),
            tag("nav", *(tag("a", f"{n}  {say(f'sec.{name}')}", href=f"#{name}") for n, name, _ in numbered)),
            *(tag("section", tag("h2", f"{n}  {say(f'sec.{name}')}", id=name), inside) for n, name, inside in numbered),
            tag("footer", f"{say('utc')} {say('no_names')}"),
        ]
    )
    css = files("passerelle.workflows.report").joinpath("page.css").read_text("utf-8")
    return page(language.code, say("title"), css, body)


def _heading(found: Gathered, language: Language) -> Markup:
    say = language.say
    log = say("log_line", origin=found.log.origin, size=found.log.size)
    then = f" · {say('as_known')}" if found.past else ""
    return tag(
        "header",
        tag("p", found.answers["record"].facts["controller"] or say("nobody"), class_="who"),
        tag("h1", say("title")),
        tag("p", say("subtitle")),
        tag("p", f"{say('as_of', at=language.time(found.at))}{then} · {log}"),
    )


def _glance(found: Gathered, blocks: Blocks, numbers: dict[str, int]) -> Markup:
    answers, say = found.answers, blocks.language.say
    facts: list[tuple[str, object]] = [
        ("people", answers["consents"].facts["people"]),
        ("allowed", max((line["allowed"] for line in answers["consents"].tables["coverage"]), default=0)),
        ("members", answers["unlawful"].facts["members"]),
        ("rows", answers["uploads"].facts["rows"]),
        ("confirmed", answers["withdrawals"].facts["confirmed"]),
        ("owed", answers["debt"].facts["people"]),
        ("asked", answers["erasures"].facts["asked"]),
        ("log", found.log.size),
    ]
    return joined([tag("h3", say("glance")), blocks.cards(facts), _verdict(found, blocks, numbers)])


def _verdict(found: Gathered, blocks: Blocks, numbers: dict[str, int]) -> Markup:
    say = blocks.language.say
    if not found.findings:
        return tag("div", tag("p", say("all_well")), class_="verdict")
    lines: Sequence[Line] = [
        {"section": f"{numbers[name]}", "finding": blocks.language.word("found", one.finding), "count": one.count}
        for name, one in found.findings
    ]
    heads = [tag("th", say("finding")), tag("th", say("section"), class_="n"), tag("th", say("count"), class_="n")]
    rows = [
        tag(
            "tr",
            tag("td", line["finding"]),
            tag("td", line["section"], class_="n"),
            tag("td", blocks.language.cell(line["count"]), class_="n"),
        )
        for line in lines
    ]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("div", tag("p", say("findings")), table, class_="verdict bad")
