"""Our decoders against IAB's own encoders: thousands of random strings, the same contents."""

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.consent.signals.bits import Ids
from passerelle.privacy.consent.signals.gpp import GPP
from passerelle.privacy.consent.signals.gpp_string import decode_gpp
from passerelle.privacy.consent.signals.tcf import TCF
from passerelle.privacy.consent.signals.tcf_string import TcString, decode_tc
from passerelle.privacy.vocabulary import Stop
from tests.iab.install import Unavailable, cache_folder, install
from tests.once import once

pytestmark = [pytest.mark.iab, pytest.mark.xdist_group("iab")]

SEED, TC_STRINGS, GPP_STRINGS = 20_261_031, 2_000, 4_000


@dataclass(frozen=True)
class Written:
    """What IAB's encoders wrote, as JSON objects with `text` and its contents."""

    tc: Sequence[dict[str, Any]]
    gpp: Sequence[dict[str, Any]]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    try:
        install(cache_folder())
    except Unavailable as reason:
        pytest.skip(f"IAB's encoders can't be installed: {reason}")
    told = once(tmp_path_factory, "iab", generated) / "written.jsonl"
    lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    return Written([line["tc"] for line in lines if "tc" in line], [line["gpp"] for line in lines if "gpp" in line])


def generated(folder: Path) -> None:
    """What IAB's encoders write, into a file of the new `folder`: that takes them a minute and more."""
    folder.mkdir()
    script = Path(__file__).with_name("generate.cjs")
    command = ["node", str(script), str(cache_folder()), str(SEED), str(TC_STRINGS), str(GPP_STRINGS)]
    with (folder / "written.jsonl").open("w") as told:
        subprocess.run(command, check=True, stdout=told, stderr=subprocess.DEVNULL, timeout=280)


def members(ids: Ids | None) -> list[int] | None:
    return None if ids is None else sorted(ids.all_of())


def contents(tc: TcString) -> dict[str, Any]:
    return {
        "created": tc.created,
        "cmp_id": tc.cmp_id,
        "policy_version": tc.policy_version,
        "vendor_list_version": tc.vendor_list_version,
        "service_specific": tc.service_specific,
        "purpose_one_undisclosed": tc.purpose_one_undisclosed,
        "language": tc.language,
        "publisher_country": tc.publisher_country,
        "special_features": members(tc.special_features),
        "purpose_consents": members(tc.purpose_consents),
        "purpose_interests": members(tc.purpose_interests),
        "vendor_consents": members(tc.vendor_consents),
        "vendor_interests": members(tc.vendor_interests),
        "disclosed": members(tc.disclosed),
        "allowed": members(tc.allowed),
        "publisher_consents": tc.publisher and members(tc.publisher.consents),
        "publisher_custom": tc.publisher and members(tc.publisher.custom_consents),
        "restrictions": sorted([rule.purpose, int(rule.kind), members(rule.vendors)] for rule in tc.restrictions),
    }


def test_every_tc_string_has_the_same_contents(written: Written) -> None:
    assert len(written.tc) == TC_STRINGS
    for expected in written.tc:
        wanted = {**expected, "restrictions": sorted(expected["restrictions"])}
        text = wanted.pop("text")
        assert contents(decode_tc(text)) == wanted


def test_the_strings_were_of_every_kind(written: Written) -> None:
    seen: Counter[str] = Counter()
    for expected in written.tc:
        tc = decode_tc(expected["text"])
        seen["ranges" if tc.vendor_consents.ranges is not None else "bitfield"] += 1
        seen["restricted"] += bool(tc.restrictions)
        seen["google"] += 755 in tc.vendor_consents
        seen["yes"] += any(said.state.permits for said in TCF.read(expected["text"]))
        for part in ("disclosed", "allowed", "publisher"):
            seen[part] += getattr(tc, part) is not None
    assert min(seen[kind] for kind in ("ranges", "bitfield", "restricted", "google", "disclosed", "publisher")) > 150
    assert seen["allowed"] > 50
    assert seen["yes"] > 0


def test_one_vendor_looked_up_is_the_same_as_all_unfolded(written: Written) -> None:
    for expected in written.tc[:500]:
        tc = decode_tc(expected["text"])
        for vendor in (1, 28, 755, 1_399, 1_400, 1_401):
            assert (vendor in tc.vendor_consents) == (vendor in expected["vendor_consents"])


def test_every_gpp_string_has_the_same_contents(written: Written) -> None:
    assert len(written.gpp) == GPP_STRINGS
    sections: Counter[str] = Counter()
    for expected in written.gpp:
        gpp = decode_gpp(expected["text"])
        assert len(gpp.us) == len(expected["us"])
        for found, wanted in zip(gpp.us, expected["us"], strict=True):
            sections[f"{found.name}/{found.version}"] += 1
            values = {name: tuple(value) for name, value in wanted["values"].items()}
            assert (found.name, found.version, found.gpc) == (wanted["name"], wanted["version"], wanted["gpc"])
            assert found.values == values
        privacy = gpp.us_privacy and [gpp.us_privacy.notice, gpp.us_privacy.opt_out, gpp.us_privacy.covered]
        assert privacy == expected["privacy"]
        europe = gpp.tcf_eu and {
            name: members(getattr(gpp.tcf_eu, name))
            for name in ("purpose_consents", "vendor_consents", "vendor_interests")
        }
        assert europe == expected["europe"]
    assert len(sections) == 22
    assert min(sections.values()) > 100


def test_whoever_opted_out_or_is_a_child_is_stopped(written: Written) -> None:
    outs = ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut")
    for expected in written.gpp:
        stops = {said.stop for said in GPP.read(expected["text"])}
        for section in expected["us"]:
            if section["gpc"] or any(section["values"].get(name) == [1] for name in outs):
                assert Stop.OPT_OUT in stops
            if 1 in section["values"].get("KnownChildSensitiveDataConsents", []):
                assert Stop.UNDER_AGE in stops
