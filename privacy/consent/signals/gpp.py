"""What a GPP string says: US opt-outs and known children stop every ads purpose, its TC string speaks for itself.

No US section is ever an opt-in. "Did not opt out" is what a browser says that never opted out, and also what one says
after its cookies are gone; under 11 CCR 7028 only a two-step opt-in ends an opt-out, and that is a record of ours.
So a section that neither opts out nor names a child makes no statement, and lifts nothing.
"""

from collections.abc import Sequence

from passerelle.privacy.consent.signals.bits import Undecodable
from passerelle.privacy.consent.signals.contract import Said, TextSignal
from passerelle.privacy.consent.signals.gpc import stopped
from passerelle.privacy.consent.signals.gpp_string import GppString, decode_gpp
from passerelle.privacy.consent.signals.tcf import tcf_statements, unknown
from passerelle.privacy.vocabulary import Channel, Stop


def gpp_statements(gpp: GppString) -> Sequence[Said]:
    """Say what each section of a decoded string comes to, in a scope of its own."""
    said: list[Said] = []
    for section in gpp.us:
        if section.opted_out:
            said += stopped(Stop.OPT_OUT, f"gpp_{section.name}_opt_out", f"gpp.{section.name}")
        if section.known_child:
            said += stopped(Stop.UNDER_AGE, f"gpp_{section.name}_known_child", f"gpp.{section.name}.child")
    if gpp.us_privacy is not None and gpp.us_privacy.opted_out:
        said += stopped(Stop.OPT_OUT, "gpp_uspv1_opt_out", "gpp.uspv1")
    if gpp.tcf_eu is not None:
        said += tcf_statements(gpp.tcf_eu, "gpp.tcfeuv2")
    if gpp.tcf_canada:
        said += unknown("gpp_tcfcav1_not_read", "gpp.tcfcav1")
    return said


def _read(text: str) -> Sequence[Said]:
    try:
        return gpp_statements(decode_gpp(text))
    except Undecodable:
        return stopped(Stop.OPT_OUT, "gpp_undecodable", "gpp")


GPP = TextSignal("gpp", 1, Channel.WEB, _read)
"""Reads a GPP string. What can't be decoded is an opt-out."""
