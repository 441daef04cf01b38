from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.consent.signals.bits import Undecodable
from passerelle.privacy.consent.signals.gpp import GPP
from passerelle.privacy.consent.signals.gpp_layouts import CHILD, NATIONAL, NATIONAL_LAYOUTS, STATES, Layout
from passerelle.privacy.consent.signals.gpp_string import UsSection, decode_gpp
from passerelle.privacy.consent.signals.tcf import ADS
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Stop
from tests.privacy.consent.signals.encoder import LETTERS, flipped, gpp_header, tc_string, us_core
from tests.privacy.consent.signals.strings import granting

# Written by @iabgpp/cmpapi 3.2.0.
CALIFORNIA_SOLD_NOT = "DBABBg~BUYAAABA"
CALIFORNIA_GPC = "DBABBg~BUoAAABA.YA"
NATIONAL_CHILD = "DBABLA~CEAgAAAAABBA"
NATIONAL_FIRST = "DBABLA~BAQBAAAAAQA.QA"
MARYLAND_AND_RHODE_ISLAND = "DBACEYw~BQAQ.QA~BQSA.AAA"
# The standard's own examples.
EUROPE = "DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
EUROPE_AND_OLD_US = "DBACNY~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN"
CANADA_AND_OLD_US = "DBABjw~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN"
# Of the field: version 1 with the lists of version 2, nobody opted out; and with the browser's signal.
NOBODY_OUT = "DBABLA~BVVqAAAAAABA"
NOBODY_OUT_BUT_GPC = "DBABLA~BVVqAAAAAABA.YA"

LAYOUTS = [(NATIONAL, layout) for layout in NATIONAL_LAYOUTS] + list(STATES.items())
ASKED = ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut")


def stops(text: str) -> set[Stop | None]:
    return {said.stop for said in GPP.read(text)}


def section(number: int, layout: Layout, values: Mapping[str, Sequence[int]], beside: str = "") -> str:
    return f"{gpp_header([number])}~{us_core(layout.version, layout.fields, values)}{beside}"


def answers(layout: Layout, notice: int, answer: int) -> dict[str, list[int]]:
    names = [name for name, _ in layout.fields]
    filled = {name: [notice] for name in names if name.removesuffix("Notice") in ASKED}
    return {**filled, **{name: [answer] for name in names if name in ASKED}, "MspaCoveredTransaction": [2]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CALIFORNIA_SOLD_NOT, {Stop.OPT_OUT}),
        (CALIFORNIA_GPC, {Stop.OPT_OUT}),
        (NATIONAL_CHILD, {Stop.UNDER_AGE}),
        (NATIONAL_FIRST, {Stop.OPT_OUT}),
        (MARYLAND_AND_RHODE_ISLAND, {Stop.OPT_OUT}),
        (NOBODY_OUT, set()),
        (NOBODY_OUT_BUT_GPC, {Stop.OPT_OUT}),
        (EUROPE, {None}),
        (CANADA_AND_OLD_US, {None}),
        ("DBABTA~1YYN", {Stop.OPT_OUT}),
        ("DBABTA~1YNN", set()),
        ("DBABTA~1Y-N", {Stop.OPT_OUT}),
        ("DBABTA~1---", set()),
        ("", {Stop.OPT_OUT}),
        ("nonsense", {Stop.OPT_OUT}),
    ],
)
def test_each_string_stops_what_it_must(text: str, expected: set[Stop | None]) -> None:
    assert stops(text) == expected


def test_a_string_of_iab_s_own_decodes_field_by_field() -> None:
    assert decode_gpp(NATIONAL_FIRST).us[0].values[CHILD] == (0, 0)
    (child,) = decode_gpp(NATIONAL_CHILD).us
    assert (child.name, child.version, child.gpc) == ("usnat", 2, None)
    assert child.values[CHILD] == (0, 1, 0)
    assert child.values["SaleOptOut"] == (2,)
    maryland, island = decode_gpp(MARYLAND_AND_RHODE_ISLAND).us
    assert (maryland.name, maryland.gpc, island.name) == ("usmd", False, "usri")
    assert island.values["SaleOptOut"] == (2,)


def test_an_opt_out_refuses_every_ads_purpose_undated_and_on_the_web() -> None:
    said = GPP.read(CALIFORNIA_GPC)
    assert [one.purpose for one in said] == list(ADS)
    for one in said:
        assert (one.state, one.grade, one.channel) == (ConsentState.REFUSED, EvidenceGrade.C, Channel.WEB)
        assert (one.event_time, one.scope, one.method) == (None, "gpp.usca", "gpp_usca_opt_out")


def test_not_having_opted_out_is_no_opt_in() -> None:
    for number, layout in LAYOUTS:
        assert GPP.read(section(number, layout, answers(layout, 1, 2))) == []


def test_the_european_section_speaks_for_itself_in_a_scope_of_its_own() -> None:
    said = GPP.read(f"{gpp_header([2, 6])}~{tc_string(granting())}~1YNN")
    assert {one.state for one in said} == {ConsentState.GIVEN}
    assert {one.scope for one in said} == {"gpp.tcfeuv2"}
    assert {one.recipients for one in said} == {("google_ads",)}


def test_a_canadian_section_is_not_read_and_grants_nothing() -> None:
    said = GPP.read(f"{gpp_header([5])}~{tc_string(granting())}")
    assert {(one.state, one.stop) for one in said} == {(ConsentState.UNKNOWN, None)}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: f"{one[1].name}-{one[1].bits}-{one[1].version}")
def test_each_section_knows_an_opt_out_a_missing_answer_and_a_child(layout: tuple[int, Layout]) -> None:
    number, fields = layout
    assert stops(section(number, fields, answers(fields, 1, 1))) == {Stop.OPT_OUT}
    assert stops(section(number, fields, answers(fields, 1, 0))) == {Stop.OPT_OUT}
    assert stops(section(number, fields, answers(fields, 0, 0))) == set()
    for count in [count for name, count in fields.fields if name == CHILD]:
        for place in range(count):
            values = {**answers(fields, 0, 0), CHILD: [2 * (at == place) for at in range(count)]}
            assert stops(section(number, fields, values)) == {Stop.UNDER_AGE}


@pytest.mark.parametrize(
    "text",
    [
        "DBABLA~" + "BVVqAAAAAAAAA",  # no length of version 1
        "DBABLA~" + "BVVqAAAAAA",  # may be cut off
        "DBABLA~" + "BVVqAAAAAAAA",  # two layouts would fit
        "DBABLA~" + "DVVqAAAAAABA",  # version 3
        "DBABLA~" + "BXVqAAAAAABA",  # a notice of value 3
        NOBODY_OUT + ".QA.QA",
        NOBODY_OUT + ".AA",
        NOBODY_OUT + ".gA",
        NOBODY_OUT + ".",
        NOBODY_OUT + "~",
        NOBODY_OUT + "~1YNN",
        NOBODY_OUT.split("~", maxsplit=1)[0],
        "DBAA",
        "DCABLA~BVVqAAAAAABA",
        "CBABLA~BVVqAAAAAABA",
        f"{gpp_header([28])}~BVVqAAAAAABA",
        f"{gpp_header([1])}~BVVqAAAAAABA",
        "DBABTA~2YNN",
        "DBABTA~1ynn",
        "DBABTA~1YNNN",
        EUROPE + "A",
        section(9, STATES[9], {}, ".QA"),  # Virginia has no such part
        section(25, STATES[25], {}, ".AA"),
        section(24, STATES[24], {}).replace("~A", "~B") + ".AAA",
    ],
)
def test_what_no_encoder_writes_is_an_opt_out(text: str) -> None:
    with pytest.raises(Undecodable) as raised:
        decode_gpp(text)
    assert text not in str(raised.value)
    assert stops(text) == {Stop.OPT_OUT}


values = st.integers(0, 2)


@st.composite
def us_sections(draw: st.DrawFn) -> tuple[str, UsSection]:
    number, layout = draw(st.sampled_from(LAYOUTS))
    chosen = {name: tuple(draw(values) for _ in range(count)) for name, count in layout.fields}
    if "MspaCoveredTransaction" in chosen:
        chosen["MspaCoveredTransaction"] = (draw(st.integers(1, 2)),)
    if number == NATIONAL and layout.version == 1:  # cut off after this value the longer layout looks like the shorter
        chosen["SensitiveDataProcessing"] = (*chosen["SensitiveDataProcessing"][:-1], 0)
    gpc = draw(st.sampled_from([None, False, True])) if layout.beside == "gpc" else None
    beside = "" if gpc is None else draw(st.sampled_from([".Y", ".YA"] if gpc else [".Q", ".QA"]))
    return section(number, layout, chosen, beside), UsSection(layout.name, layout.version, chosen, gpc)


@given(us_sections())
def test_what_is_written_is_read(written: tuple[str, UsSection]) -> None:
    assert decode_gpp(written[0]).us == (written[1],)


@given(us_sections())
def test_a_truncated_string_is_an_opt_out_unless_a_whole_part_is_gone(written: tuple[str, UsSection]) -> None:
    text, whole = written
    for end in range(len(text)):
        cut = text[:end]
        if stops(cut) == {Stop.OPT_OUT}:
            continue
        (left,) = decode_gpp(cut).us
        assert left.values == whole.values
        assert left.gpc in {whole.gpc, None}


@given(st.sampled_from(LAYOUTS), st.data())
def test_a_turned_bit_of_a_section_never_lifts_an_opt_out(layout: tuple[int, Layout], data: st.DataObject) -> None:
    text = section(*layout, answers(layout[1], 1, 1))
    first = 6 * (text.index("~") + 1)
    bit = data.draw(st.integers(first, 6 * len(text) - 1))
    header, body = text.split("~")
    assert Stop.OPT_OUT in stops(f"{header}~{flipped(body, bit - first)}")


@given(us_sections(), st.data())
def test_nothing_done_to_a_us_section_ever_grants(written: tuple[str, UsSection], data: st.DataObject) -> None:
    text = written[0]
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.text(LETTERS + ".~ ", max_size=2)) + text[at + 1 :]
    assert not any(said.state.permits for said in GPP.read(changed))


@given(st.text())
def test_the_reader_never_raises(noise: str) -> None:
    assert stops(noise) <= {Stop.OPT_OUT, Stop.UNDER_AGE, None}
