"""Which condition an engine refuses. Looked for only once something was refused, since compiling takes its time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import ibis

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import wording
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.people import People
from passerelle.segmentation.compile.rules import Compiler, prefixes
from passerelle.segmentation.compile.walk import needs_of
from passerelle.segmentation.engines.dialect import NotExact
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import AllOf, AnyOf, Called, Not, Rule, Segment


@contextmanager
def naming_conditions(
    session: Session, resolver: Resolver, segments: Mapping[str, Segment], as_of: AsOf
) -> Iterator[None]:
    """Say of what is refused inside which segment and condition it stands in."""
    try:
        yield
    except NotExact as problem:
        refused = problem
    else:
        return
    for name, segment in segments.items():
        for rule in _conditions((segment.where, *segment.exclude)):
            if not _compiles(rule, session, resolver, segments, as_of):
                words = wording.rule(rule, resolver.catalogue.names()).replace("\x00", "\\0")
                raise DefinitionError(f"The segment `{name}`: {words}. {refused.message}", advice=refused.advice)
    raise refused


def _conditions(rules: tuple[Rule, ...]) -> Iterator[Rule]:
    for rule in rules:
        match rule:
            case AllOf() | AnyOf():
                yield from _conditions(rule.rules)
            case Not() | Called():
                yield from _conditions((rule.rule,))
            case _:
                yield rule


def _compiles(rule: Rule, session: Session, resolver: Resolver, segments: Mapping[str, Segment], as_of: AsOf) -> bool:
    people = People(session, resolver.catalogue.population, as_of)
    needs = needs_of([rule])
    table = people.table(needs)
    words = prefixes(needs.beside)
    kinds = (("group", "string"), ("distance", "float64"), ("score", "float64"))
    beside = {f"{prefix}_{part}": kind for prefix in words.values() for part, kind in kinds}
    stored = ibis.table({**table.schema(), **beside}, name="people")
    compiler = Compiler(stored, people.columns, people.sequences, as_of, segments, beside=words)
    compiler.thresholds, compiler.scores = defaultdict(dict), defaultdict(list)  # their values change no word
    try:
        session.sql(table)
        session.sql(compiler.people.select(holds=compiler.rule(rule)))
    except NotExact:
        return False
    return True
