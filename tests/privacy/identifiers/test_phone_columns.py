"""The columns' answers are libphonenumber's own: thousands of numbers, right and nearly right, of every region."""

import random

import phonenumbers
import pyarrow as pa
import pytest
from phonenumbers import PhoneMetadata

from passerelle.privacy.identifiers.numbering import valid
from passerelle.privacy.identifiers.phones import common_phones, phone
from passerelle.privacy.identifiers.reasons import Refusal

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
COMMON = ["FR", "BE", "CH", "LU", "MC", "DE", "GB", "ES", "IT", "PT", "NL", "US", "CA", "RE", "MQ", "MA", "TN", "AU"]
KINDS = ("mobile", "fixed_line", "toll_free", "voip", "premium_rate", "shared_cost", "personal_number", "pager", "uan")


def _chance(name: str) -> random.Random:
    return random.Random(name)  # noqa: S311 - numbers to try, not secrets


def _metadata(region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    return metadata


def _examples(region: str) -> list[str]:
    metadata = _metadata(region)
    described = [getattr(metadata, kind) for kind in KINDS]
    return [each.example_number for each in described if each is not None and each.example_number]


def _mutated(number: str, chance: random.Random) -> str:
    kind, place = chance.random(), chance.randrange(len(number))
    digit = str(chance.randrange(10))
    if kind < 0.35:
        return number[:place] + digit + number[place + 1 :]
    if kind < 0.45:
        return number[:place] + digit + number[place:]
    if kind < 0.55:
        return number[:place] + number[place + 1 :]
    if kind < 0.75:
        return number[: place % 5] + "".join(str(chance.randrange(10)) for _ in number[place % 5 :])
    return number


def _written(region: str, chance: random.Random) -> str:
    metadata = _metadata(region)
    code, trunk = str(metadata.country_code), metadata.national_prefix or chance.choice(["0", "1", "8"])
    prefixes = ["", trunk, trunk, f"+{code}", f"+{code}(0)", f"+{code}{trunk}", f"00{code}", code, f"{code}{trunk}"]
    prefixes += [f"011{code}", f"000{code}", f"810{code}", "0", "00", "+", "++", "8", "06", "90"]
    number = chance.choice(prefixes) + _mutated(chance.choice(_examples(region)), chance)
    if chance.random() < 0.4:
        return number
    separator, step = chance.choice([" ", ".", "-", "/", "\u00a0", "  "]), chance.randint(2, 3)
    return separator.join(number[start : start + step] for start in range(0, len(number), step))


def _disagreements(region: str | None, numbers: list[str]) -> tuple[list[str], int]:
    found, invalid, no_country = common_phones(pa.array(numbers), region)
    wrong, told = [], 0
    for number, form, bad, homeless in zip(numbers, found.to_pylist(), invalid, no_country, strict=True):
        answer = form or (Refusal.PHONE_INVALID if bad else Refusal.PHONE_COUNTRY if homeless else None)
        told += answer is not None
        if answer is not None and answer != phone(number, region):
            wrong.append(f"{number!r}: {answer}")
    return wrong, told


@pytest.mark.parametrize("region", COMMON)
def test_columns_agree_with_libphonenumber_in_common_countries(region: str) -> None:
    chance = _chance(region)
    numbers = [_written(region if chance.random() < 0.7 else chance.choice(REGIONS), chance) for _ in range(250)]
    wrong, told = _disagreements(region, numbers)
    assert not wrong
    assert told > len(numbers) * 0.5


def test_columns_agree_with_libphonenumber_in_every_country() -> None:
    chance = _chance("all")
    for region in [None, *REGIONS]:
        wrong, _ = _disagreements(region, [_written(region or chance.choice(REGIONS), chance) for _ in range(15)])
        assert not wrong, region


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_columns_agree_with_libphonenumber_on_a_hundred_thousand_numbers(seed: int) -> None:
    chance = _chance(str(seed))
    for region in [None, *REGIONS]:
        numbers = [
            _written(region if region and chance.random() < 0.7 else chance.choice(REGIONS), chance) for _ in range(100)
        ]
        wrong, _ = _disagreements(region, numbers)
        assert not wrong, region


def test_valid_is_is_valid_number_for_every_calling_code() -> None:
    chance = _chance("valid")
    for region in REGIONS:
        code = _metadata(region).country_code
        numbers = [each for each in (_mutated(example, chance) for example in _examples(region) * 3) if len(each) > 1]
        answers = valid(pa.array(numbers), str(code)).tolist()
        for number, answer in zip(numbers, answers, strict=True):
            zeros = len(number) - len(number.lstrip("0"))
            parsed = phonenumbers.PhoneNumber(
                country_code=code,
                national_number=int(number),
                italian_leading_zero=zeros > 0,
                number_of_leading_zeros=min(zeros, len(number) - 1) or None,
            )
            assert answer == phonenumbers.is_valid_number(parsed), (region, number)


def test_french_mobiles_never_wait_for_libphonenumber() -> None:
    numbers = [f"0{6 + row % 2} {row % 90 + 10} 34 56 {row % 89 + 10}" for row in range(500)]
    _, told = _disagreements("FR", numbers)
    assert told == len(numbers)
