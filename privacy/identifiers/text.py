"""What every identifier goes through first: one Unicode form, nothing invisible, single spaces.

Done in Python alone, because engines differ: DuckDB's `trim` keeps a tab, and its `lower` reads a dotted I otherwise.
"""

import re
import unicodedata

_INVISIBLE = [
    *range(0x09),
    *range(0x0E, 0x1C),
    *range(0x7F, 0x85),
    *range(0x86, 0xA0),
    0x00AD,  # soft hyphen
    0x034F,  # combining grapheme joiner
    0x061C,
    0x180E,
    *range(0x200B, 0x2010),  # zero-width space, joiners, direction marks
    *range(0x202A, 0x202F),  # embeddings, which phones' address books copy along
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),  # variation selectors
    0xFEFF,
    0xFFFC,
    0xFFFD,
]
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_TYPING: dict[int, int | None] = dict.fromkeys(_INVISIBLE)
_TYPING_OF_CODES: dict[int, int | None] = {**_FULL_WIDTH, **_TYPING}

_LATIN = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "þ": "th",
        "\u0131": "i",
        "ħ": "h",
        "ŋ": "n",
    }
)
_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-zA-Z+/_-]{43}=", re.ASCII)
_PUNCTUATION = ("P", "S")


def tidy(value: str) -> str:
    """`value` in NFC, without invisible characters; any run of white space is one space, and none is at the ends."""
    return " ".join(unicodedata.normalize("NFC", value.translate(_TYPING)).split())


def tidy_code(value: str) -> str:
    """As `tidy`, with full-width forms made ASCII: for addresses, numbers and codes, never for names."""
    return " ".join(unicodedata.normalize("NFC", value.translate(_TYPING_OF_CODES)).split())


def lower(text: str) -> str:
    """`text` in lower case, in NFC again: lowering can part a letter from its accent."""
    return unicodedata.normalize("NFC", text.lower())


def looks_hashed(text: str) -> bool:
    """Whether a tidy `text` has the shape of an MD5, SHA-1 or SHA-256 in hex, or of a SHA-256 in Base64."""
    return _DIGEST.fullmatch(text) is not None or _DIGEST.fullmatch(text.lower()) is not None


def without_punctuation(text: str) -> str:
    """`text` without punctuation and symbols; letters of every script, marks, digits and spaces stay."""
    return "".join(letter for letter in text if unicodedata.category(letter)[0] not in _PUNCTUATION)


def has_letter(text: str) -> bool:
    """Whether there is a letter of any script in `text`."""
    return any(letter.isalpha() for letter in text)


def latin(text: str) -> str | None:
    """The letters of `text` as a to z, accents taken off and everything else left out.

    None where a letter has no Latin base (`Москва`): half a name is no name.
    """
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LATIN)).lower()
    letters = [letter for letter in plain if letter.isalpha()]
    return "".join(letters) if all("a" <= letter <= "z" for letter in letters) else None
