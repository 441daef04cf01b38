import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.consent.signals.gpc import GPC
from passerelle.privacy.consent.signals.tcf import ADS
from passerelle.privacy.vocabulary import Channel, ConsentState, Stop


@pytest.mark.parametrize("text", ["1", "true", "Sec-GPC: 1", "sec-gpc:1", " TRUE "])
def test_the_flag_stops_every_ads_purpose(text: str) -> None:
    said = GPC.read(text)
    assert [one.purpose for one in said] == list(ADS)
    assert {(one.state, one.stop, one.channel, one.method) for one in said} == {
        (ConsentState.REFUSED, Stop.OPT_OUT, Channel.WEB, "gpc")
    }


@pytest.mark.parametrize("text", ["0", "false", "Sec-GPC: 0"])
def test_its_absence_says_nothing(text: str) -> None:
    assert GPC.read(text) == []


@pytest.mark.parametrize("text", ["", "00", "2", "no", "Sec-GPC:", "1 0", "someone@example.org"])
def test_what_cannot_be_read_is_an_opt_out(text: str) -> None:
    assert {(one.stop, one.method) for one in GPC.read(text)} == {(Stop.OPT_OUT, "gpc_undecodable")}


@given(st.text())
def test_nothing_ever_grants(text: str) -> None:
    assert not any(one.state.permits for one in GPC.read(text))
