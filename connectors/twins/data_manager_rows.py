"""How the Data Manager twin reads members: any fault in one refuses the whole request, with its path."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from passerelle.connectors.twins.data_manager_errors import Violation
from passerelle.connectors.twins.messages import Message

MEMBER_LIMIT = 10_000
IDENTIFIER_LIMIT = 10
VIOLATION_LIMIT = 100
DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
HEX = re.compile(r"[0-9a-fA-F]*", re.ASCII)
BASE64 = re.compile(r"[0-9a-zA-Z+/]*={0,2}", re.ASCII)
REGION = re.compile(r"[A-Z]{2}", re.ASCII)
POSTAL = re.compile(r"[0-9A-Za-z][0-9A-Za-z \-]{1,14}", re.ASCII)
GRANTED = 1
DENIED = 2
BLANK = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
Fields = list[tuple[str, str, str]]
Digest = Callable[[str], str]


@dataclass(slots=True)
class Members:
    """Members that were understood, and those that processing will drop for want of consent."""

    keys: list[tuple[str, ...]]
    received: int
    identifiers: int
    dropped: dict[str, int] = field(default_factory=dict)


def read(request: Message, *, ingests: bool, keep: bool, invalid: Sequence[int] = (), reason: str = "") -> Members:
    """Understand `audience_members`. Raises `Violation`. Processing drops the rows in `invalid`, by `reason`."""
    digest = _strict(request)
    members = request.audience_members
    wrong: Fields = []
    read_members = Members([], len(members), 0)
    fallback = _consent(request.consent) if ingests else ""
    kinds = set()
    for place, member in enumerate(members):
        kinds.add(member.WhichOneof("data"))
        keys = _member(member, place, digest, wrong)
        if len(wrong) >= VIOLATION_LIMIT:
            break
        read_members.identifiers += len(keys)
        dropped = reason if place in invalid else ""
        if ingests and not dropped:
            dropped = _consent(member.consent) if member.HasField("consent") else fallback
        if dropped:
            read_members.dropped[dropped] = read_members.dropped.get(dropped, 0) + 1
        else:
            read_members.keys.append(_known(keys) if keep else ())
    if wrong:
        raise Violation("INVALID_ARGUMENT", wrong)
    if len(kinds) > 1:
        fields = [("audience_members", "One kind of data only.", "MULTIPLE_DATA_TYPES_NOT_ALLOWED")]
        raise Violation("MULTIPLE_DATA_TYPES_NOT_ALLOWED", fields)
    return read_members


def _strict(request: Message) -> Digest:
    """Refuse what no row is to blame for; how the rows' digests are to be read."""
    members = request.audience_members
    if not members:
        raise Violation("REQUIRED_FIELD_MISSING", [("audience_members", "Required.", "REQUIRED_FIELD_MISSING")])
    if len(members) > MEMBER_LIMIT:
        fields = [("audience_members", "At most 10000 members.", "TOO_MANY_AUDIENCE_MEMBERS")]
        raise Violation("TOO_MANY_AUDIENCE_MEMBERS", fields)
    if request.encoding not in DIGESTS:
        raise Violation("REQUIRED_FIELD_MISSING", [("encoding", "Required.", "REQUIRED_FIELD_MISSING")])
    if request.HasField("encryption_info"):
        raise Violation("INVALID_ARGUMENT", [("encryption_info", "The twin has no keys.", "INVALID_ARGUMENT")])
    size = request.ByteSize()
    request.DiscardUnknownFields()
    if request.ByteSize() != size:
        raise Violation("INVALID_ARGUMENT", [("", "Fields that are none of this request.", "INVALID_ARGUMENT")])
    return DIGESTS[request.encoding]


def _consent(consent: Message) -> str:
    """Why processing drops a member with this consent; nothing where it doesn't."""
    given = {consent.ad_user_data, consent.ad_personalization}
    if given == {GRANTED}:
        return ""
    return "DENIED_CONSENT" if DENIED in given else "NO_CONSENT"


def _known(keys: list[str]) -> tuple[str, ...]:
    """Name and place count only where nothing stronger is there: namesakes are not one person."""
    strong = tuple(key for key in keys if not key.startswith("address:"))
    return strong or tuple(keys)


def _member(member: Message, place: int, digest: Digest, wrong: Fields) -> list[str]:
    kind = member.WhichOneof("data")
    path = f"audience_members.audience_members[{place}]"
    if kind == "composite_data":
        if member.composite_data.ip_data:
            wrong.append((f"{path}.composite_data.ip_data", "Not for people in the EEA.", "INVALID_AUDIENCE_MEMBER"))
        data, path = member.composite_data.user_data, f"{path}.composite_data.user_data"
    elif kind == "user_data":
        data, path = member.user_data, f"{path}.user_data"
    else:
        wrong.append((path, "A contact list takes user data only.", "INVALID_AUDIENCE_MEMBER"))
        return []
    identifiers = data.user_identifiers
    if not identifiers:
        wrong.append((f"{path}.user_identifiers", "Required.", "REQUIRED_FIELD_MISSING"))
    if len(identifiers) > IDENTIFIER_LIMIT:
        wrong.append((f"{path}.user_identifiers", "At most 10.", "TOO_MANY_USER_IDENTIFIERS"))
    keys = []
    for number, identifier in enumerate(identifiers):
        which = identifier.WhichOneof("identifier")
        if which == "email_address":
            value = identifier.email_address
            found = digest(value)
            keys.append("email:" + found)
        elif which == "phone_number":
            value = identifier.phone_number
            found = digest(value)
            keys.append("phone:" + found)
        else:
            keys.append(_address(identifier.address, f"{path}.user_identifiers[{number}].address", digest, wrong))
            continue
        if not found:
            wrong.append(_bad_hash(f"{path}.user_identifiers[{number}]", which or "", value, digest))
    return keys


def _hex(value: str) -> str:
    """The digest in lower-case hex, nothing where it is none; and none is the digest of nothing."""
    return value.lower() if DIGEST.fullmatch(value) and value.lower() != BLANK else ""


def _base64(value: str) -> str:
    try:
        return _hex(base64.b64decode(value, validate=True).hex())
    except ValueError:
        return ""


DIGESTS: dict[int, Digest] = {1: _hex, 2: _base64}
"""By encoding: 1 is HEX, 2 is BASE64."""


def _bad_hash(path: str, which: str, value: str, digest: Digest) -> tuple[str, str, str]:
    label = {"email_address": "Email", "phone_number": "Phone"}.get(which, "Value")
    encoded, reason = ("hex", "INVALID_HEX_ENCODING") if digest is _hex else ("base64", "INVALID_BASE64_ENCODING")
    readable = HEX.fullmatch(value) if digest is _hex else BASE64.fullmatch(value)
    if value and readable and len(value) % (2 if digest is _hex else 4) == 0:
        return path, f"{label} is not a SHA-256 hash.", "INVALID_SHA256_FORMAT"
    return path, f"{label} is not {encoded} encoded.", reason


def _address(address: Message, path: str, digest: Digest, wrong: Fields) -> str:
    parts = (address.given_name, address.family_name, address.region_code, address.postal_code)
    for name, value in zip(("given_name", "family_name", "region_code", "postal_code"), parts, strict=True):
        if not value:
            wrong.append((f"{path}.{name}", "Required.", "REQUIRED_FIELD_MISSING"))
    given, family = digest(parts[0]), digest(parts[1])
    for name, value, found in (("given_name", parts[0], given), ("family_name", parts[1], family)):
        if value and not found:
            wrong.append(_bad_hash(f"{path}.{name}", name, value, digest))
    if parts[2] and not REGION.fullmatch(parts[2]):
        wrong.append((f"{path}.region_code", "Two upper-case letters, not hashed.", "INVALID_REGION_CODE"))
    if parts[3] and not POSTAL.fullmatch(parts[3]):
        wrong.append((f"{path}.postal_code", "Postal code is not valid.", "INVALID_POSTAL_CODE"))
    return "address:" + "|".join((given, family, parts[2], parts[3]))
