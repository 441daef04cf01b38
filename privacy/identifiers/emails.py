"""E-mail addresses, as each destination wants them before hashing.

Both: lower case. Google also takes white space out of the middle and, for gmail.com and googlemail.com alone, the
dots before the @ and everything from a plus sign on. Meta does neither, so one person has two hashes.
"""

import re
import unicodedata
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.text import looks_hashed, lower, tidy_code
from passerelle.privacy.vocabulary import Destination

_GMAIL = ("gmail.com", "googlemail.com")
_HARD_SPACES: dict[int, None] = dict.fromkeys((0x00A0, 0x2007, 0x202F))  # what copying from a page leaves behind
_LONGEST, _LONGEST_LOCAL = 254, 64

_WORD = r"[a-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LABEL = r"[a-z0-9\u0080-\U0010ffff](?:[a-z0-9\-\u0080-\U0010ffff]{0,61}[a-z0-9\u0080-\U0010ffff])?"
_ADDRESS = rf"({_WORD}(?:\.{_WORD})*)@((?:{_LABEL}\.)+(?:xn--[a-z0-9-]{{1,59}}|[a-z\u0080-\U0010ffff]{{2,63}}))"
_BEYOND_ASCII = ("L", "M", "N")

_COMMON = r"^[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}$"
_COMMON_LENGTH = 64  # shorter than the longest local part and label, so neither needs counting


@cache
def _address() -> re.Pattern[str]:
    """Compiled when first asked for: that takes longer than all other expressions of a command."""
    return re.compile(_ADDRESS)


def email(value: str, destination: Destination) -> str | Refusal:
    """The normal form of one address for `destination`, or why it is none."""
    text = lower(tidy_code(value.translate(_HARD_SPACES)))
    if not text:
        return Refusal.BLANK
    if looks_hashed(text):
        return Refusal.ALREADY_HASHED
    spaced, text = " " in text, lower(text.replace(" ", ""))
    found = _address().fullmatch(text)
    if found is None or len(text) > _LONGEST or len(found[1]) > _LONGEST_LOCAL or not _readable(text):
        return Refusal.EMAIL_INVALID
    if spaced and destination is not Destination.GOOGLE_ADS:
        return Refusal.EMAIL_SPACE
    local, domain = found[1], found[2]
    if destination is Destination.GOOGLE_ADS and domain in _GMAIL:
        local = local.partition("+")[0].replace(".", "")
    return lower(f"{local}@{domain}") if local else Refusal.EMAIL_INVALID


def common_emails(values: pa.StringArray, destination: Destination) -> pa.StringArray:
    """Plain ASCII addresses, normalised whole columns at a time; null where `email` must look."""
    trimmed = pc.ascii_trim_whitespace(values)
    plain = pc.and_(
        pc.match_substring_regex(trimmed, _COMMON), pc.less_equal(pc.binary_length(trimmed), _COMMON_LENGTH)
    )
    lowered = pc.ascii_lower(pc.if_else(plain, trimmed, None))
    return _google(lowered) if destination is Destination.GOOGLE_ADS else lowered


def _google(lowered: pa.StringArray) -> pa.StringArray:
    for domain in _GMAIL:
        ours = pc.ends_with(lowered, f"@{domain}")
        if pc.any(ours).as_py():
            local = _gmail_local(pc.utf8_slice_codeunits(lowered.filter(ours), 0, -len(domain) - 1))
            joined = pc.binary_join_element_wise(local, f"@{domain}", "")
            lowered = pc.replace_with_mask(lowered, ours, pc.if_else(pc.equal(local, ""), None, joined))
    return lowered


def _gmail_local(local: pa.StringArray) -> pa.StringArray:
    tagged = pc.match_substring(local, "+")
    if pc.any(tagged).as_py():
        local = pc.if_else(tagged, pc.replace_substring_regex(local, r"\+.*$", ""), local)
    return pc.replace_substring(local, ".", "")


def _readable(text: str) -> bool:
    """Whether what is not ASCII is letters, marks and digits (RFC 6531), not pictures or quotes."""
    return text.isascii() or all(
        letter.isascii() or unicodedata.category(letter)[0] in _BEYOND_ASCII for letter in text
    )
