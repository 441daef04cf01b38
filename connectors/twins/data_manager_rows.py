"""How the Data Manager twin reads members: any fault in one refuses the whole request, with its path."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from passerelle.connectors.twins.data_manager_errors import Violation
from passerelle.connectors.twins.messages import Message

MEMBER_LIMIT = 10_000
IDENTIFIER_LIMIT = 10
VIOLATION_LIMIT = 100
DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
HEX = re.compile(r"[0-9a-fA-F]*", re.ASCII)
REGION = re.compile(r"[A-Z]{2}", re.ASCII)
POSTAL = re.compile(r"[0-9A-Za-z][0-9A-Za-z \-]{1,14}", re.ASCII)
HEX_ENCODING = 1
GRANTED = 1
DENIED = 2
BLANK = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
Fields = list[tuple[str, str, str]]


@dataclass(slots=True)
class Members:
    """Members that were understood, and those that processing will drop for want of consent."""

    keys: list[tuple[str, ...]]
    received: int
    identifiers: int
    dropped: dict[str, int] = field(default_factory=dict)


def read(request: Message, *, ingests: bool, keep: bool, invalid: Sequence[int] = (), reason: str = "") -> Members:
    """Understand `audience_members`. Raises `Violation`. Processing drops the rows in `invalid`, by `reason`."""
    members = request.audience_members
    if not members:
        raise Violation("REQUIRED_FIELD_MISSING", [("audience_members", "Required.", "REQUIRED_FIELD_MISSING")])
    if len(members) > MEMBER_LIMIT:
        fields = [("audience_members", "At most 10000 members.", "TOO_MANY_AUDIENCE_MEMBERS")]
        raise Violation("TOO_MANY_AUDIENCE_MEMBERS", fields)
    if request.encoding != HEX_ENCODING:
        raise Violation("REQUIRED_FIELD_MISSING", [("encoding", "The twin reads HEX only.", "REQUIRED_FIELD_MISSING")])
    wrong: Fields = []
    read_members = Members([], len(members), 0)
    fallback = _consent(request.consent) if ingests else ""
    kinds = set()
    for place, member in enumerate(members):
        kinds.add(member.WhichOneof("data"))
        keys = _member(member, place, wrong)
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


def _member(member: Message, place: int, wrong: Fields) -> list[str]:
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
            ok = DIGEST.fullmatch(value) and value != BLANK
            keys.append("email:" + value.lower())
        elif which == "phone_number":
            value = identifier.phone_number
            ok = DIGEST.fullmatch(value) and value != BLANK
            keys.append("phone:" + value.lower())
        else:
            keys.append(_address(identifier.address, f"{path}.user_identifiers[{number}].address", wrong))
            continue
        if not ok:
            wrong.append(_bad_hash(f"{path}.user_identifiers[{number}]", which or "", value))
    return keys


def _bad_hash(path: str, which: str, value: str) -> tuple[str, str, str]:
    label = {"email_address": "Email", "phone_number": "Phone"}.get(which, "Value")
    if value and HEX.fullmatch(value) and len(value) % 2 == 0:
        return path, f"{label} is not a SHA-256 hash.", "INVALID_SHA256_FORMAT"
    return path, f"{label} is not hex encoded.", "INVALID_HEX_ENCODING"


def _address(address: Message, path: str, wrong: Fields) -> str:
    parts = (address.given_name, address.family_name, address.region_code, address.postal_code)
    for name, value in zip(("given_name", "family_name", "region_code", "postal_code"), parts, strict=True):
        if not value:
            wrong.append((f"{path}.{name}", "Required.", "REQUIRED_FIELD_MISSING"))
    for name, value in (("given_name", parts[0]), ("family_name", parts[1])):
        if value and not (DIGEST.fullmatch(value) and value != BLANK):
            wrong.append(_bad_hash(f"{path}.{name}", name, value))
    if parts[2] and not REGION.fullmatch(parts[2]):
        wrong.append((f"{path}.region_code", "Two upper-case letters, not hashed.", "INVALID_REGION_CODE"))
    if parts[3] and not POSTAL.fullmatch(parts[3]):
        wrong.append((f"{path}.postal_code", "Postal code is not valid.", "INVALID_POSTAL_CODE"))
    return "address:" + "|".join((parts[0].lower(), parts[1].lower(), parts[2], parts[3]))
