"""Global Privacy Control: the browser's one bit, and what every US opt-out comes to.

Source: W3C "Global Privacy Control" (`Sec-GPC: 1`, `navigator.globalPrivacyControl`). Only `1` means something. Its
absence says nothing, and neither does a later `0`: under 11 CCR 7025(c)(5) and 7028 a person who opted out is in again
only by a two-step opt-in, so nothing here ever lifts a stop.
"""

from collections.abc import Sequence

from passerelle.privacy.consent.signals.contract import Said, TextSignal
from passerelle.privacy.consent.signals.tcf import ADS
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Stop

_ON = frozenset({"1", "true", "?1"})
_OFF = frozenset({"0", "false", "?0"})
_HEADER = "sec-gpc:"


def stopped(stop: Stop, method: str, scope: str) -> Sequence[Said]:
    """Refuse every ads purpose for good. Undated: it counts from when we heard it."""
    return [
        Said(
            purpose,
            ConsentState.REFUSED,
            grade=EvidenceGrade.C,
            channel=Channel.WEB,
            stop=stop,
            method=method,
            scope=scope,
        )
        for purpose in ADS
    ]


def _read(text: str) -> Sequence[Said]:
    """Read `1` or `0`, `true` or `false`, alone or as a header line."""
    word = text.strip().casefold()
    word = word.removeprefix(_HEADER).strip()
    if word in _OFF:
        return []
    return stopped(Stop.OPT_OUT, "gpc" if word in _ON else "gpc_undecodable", "gpc")


GPC = TextSignal("gpc", 1, Channel.WEB, _read)
"""Reads the flag or the header. On, or unreadable: an opt-out that sticks. Off: nothing at all."""
