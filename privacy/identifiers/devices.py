"""Advertising ids and external ids, which are never hashed."""

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.text import tidy_code

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LONGEST_EXTERNAL = 1_000


def mobile_ad_id(value: str) -> str | Refusal:
    """An IDFA or Android advertising id in lower case, hyphens kept; zeros are somebody's opt-out."""
    text = tidy_code(value).lower()
    if not text:
        return Refusal.BLANK
    if not text.strip("0-"):
        return Refusal.MOBILE_AD_ID_ZERO
    return text if _UUID.fullmatch(text) else Refusal.MOBILE_AD_ID_INVALID


def external_id(value: str) -> str | Refusal:
    """The id exactly as its system writes it, but for the spaces that fixed-width columns put around it."""
    text = value.strip()
    plain = text.isascii() and text.isprintable()  # as nearly all are: nothing in it is invisible
    if not text or not (plain or tidy_code(text)):
        return Refusal.BLANK
    if len(text) > _LONGEST_EXTERNAL or not (plain or all(unicodedata.category(letter) != "Cc" for letter in text)):
        return Refusal.EXTERNAL_ID_INVALID
    return text


def common_external_ids(values: pa.StringArray) -> pa.StringArray:
    """What `external_id` answers where nothing of a value is in doubt; null for the others."""
    text = pc.ascii_trim_whitespace(values)
    sure = pc.and_(pc.ascii_is_printable(text), pc.string_is_ascii(text))
    length = pc.binary_length(text)
    sure = pc.and_(sure, pc.and_(pc.greater(length, 0), pc.less_equal(length, _LONGEST_EXTERNAL)))
    return pc.if_else(sure, text, pa.scalar(None, pa.string()))
