"""A French shop, generated: contacts and consents as a CSV file, orders and web events in SQLite. Messy as life.

The same seed and the same instant give the same bytes. E-mail domains are reserved ones; phones that are meant to
be valid are drawn from the ranges that the French regulator keeps for fiction.
"""

import csv
import random
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from passerelle.workflows.demo.words import COUNTRIES, FIRST_NAMES, LAST_NAMES, TOWNS

HEADER = [
    "customer_id",
    "civilite",
    "prenom",
    "nom",
    "email",
    "mobile",
    "naissance",
    "code_postal",
    "ville",
    "pays",
    "fidelite",
    "ads_consent",
    "ads_consent_at",
    "ads_notice",
    "newsletter",
    "newsletter_at",
    "updated_at",
    "supprime",
]

# The ranges kept for fiction, without their leading 0. The mobile one, 06 39 98, is left out: libphonenumber takes it
# for Mayotte's, so no number of it is a French one.
_FICTIONAL = ("19900", "26191", "35301", "46571", "53649")
_NUMBERS_EACH = 10_000

# What share of people stands how with advertising consent.
_CONSENTS: tuple[tuple[float, str], ...] = (
    (0.66, "given"),
    (0.08, "withdrawn"),
    (0.07, "expired"),
    (0.06, "refused"),
    (0.04, "no_notice"),
    (0.09, "missing"),
)

# How people buy: share, orders in two years, days since the last one (low, high), mean basket in euros.
_HABITS: tuple[tuple[float, tuple[int, int], tuple[int, int], float], ...] = (
    (0.07, (9, 18), (1, 20), 110.0),
    (0.09, (8, 16), (75, 190), 120.0),
    (0.30, (3, 7), (5, 150), 55.0),
    (0.34, (1, 2), (20, 500), 35.0),
    (0.20, (0, 0), (0, 0), 0.0),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """How much was generated."""

    people: int
    contacts: int
    events: int


def generate(folder: Path, *, people: int, seed: int, now: int) -> Shop:
    """Write `contacts.csv` and `shop.db` into `folder`, as of `now` (microseconds since 1970 UTC)."""
    chance = random.Random(seed)  # noqa: S311 - invented people, no secret
    at = datetime.fromtimestamp(now // 1_000_000, UTC)
    customers = [f"C{number:06d}" for number in range(1, people + 1)]
    folder.mkdir(parents=True, exist_ok=True)
    contacts = write_contacts(folder / "contacts.csv", customers, chance=chance, at=at)
    orders = (row for customer in customers for row in _orders(customer, chance, at))
    web = (row for customer in customers for row in _web(customer, chance, at))
    return Shop(people, contacts, write_events(folder / "shop.db", orders, web, since=at - _ON_THE_WEB))


def write_contacts(path: Path, customers: Sequence[str], *, chance: random.Random, at: datetime) -> int:
    """Write one contact per customer, and a second, differently typed one for some; the number of rows."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER)
        for number, customer in enumerate(customers):
            contact = _contact(number, customer, chance, at)
            writer.writerow(contact)
            rows += 1
            if _happens(chance, 0.03):  # the same person, entered twice
                writer.writerow(_again(contact, f"D{number:06d}"))
                rows += 1
    return rows


# Two orders of five were looked for and put into the basket on the web before; the others were made in the shop. Drawn
# by number, not by chance, so nobody else's events change.
_BEFORE_ORDERS = """
INSERT INTO web_events (customer_id, at, name, page, amount)
SELECT customer_id, strftime('%Y-%m-%dT%H:%M:%SZ', ordered_at, '-' || minutes || ' minutes'), name, page, paid
FROM (
  SELECT order_id, customer_id, ordered_at, 'view' AS name, '/catalogue' AS page, NULL AS paid,
         45 + order_id * 7919 % 2880 AS minutes FROM orders
  UNION ALL
  SELECT order_id, customer_id, ordered_at, 'cart', '/panier', amount, 3 + order_id * 104729 % 40 FROM orders
)
WHERE order_id % 5 < 2 AND ordered_at >= ? ORDER BY order_id, name DESC
"""
_ON_THE_WEB = timedelta(days=120)


def write_events(
    path: Path,
    orders: Iterable[tuple[object, ...]],
    web: Iterable[tuple[object, ...]],
    *,
    since: datetime,
) -> int:
    """Write orders (customer, time, euros, status) and web events (customer, time, name, page, euros).

    `since`: from then on the web is remembered.
    """
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as shop, shop:
        shop.execute(
            "CREATE TABLE orders (order_id INTEGER PRIMARY KEY, customer_id TEXT, ordered_at TEXT, amount TEXT,"
            " status TEXT)"
        )
        shop.execute(
            "CREATE TABLE web_events (event_id INTEGER PRIMARY KEY, customer_id TEXT, at TEXT, name TEXT, page TEXT,"
            " amount TEXT)"
        )
        shop.executemany("INSERT INTO orders (customer_id, ordered_at, amount, status) VALUES (?, ?, ?, ?)", orders)
        shop.executemany("INSERT INTO web_events (customer_id, at, name, page, amount) VALUES (?, ?, ?, ?, ?)", web)
        shop.execute(_BEFORE_ORDERS, [_second(since)])
        count = shop.execute("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM web_events)").fetchone()
    return int(count[0])


def _contact(number: int, customer: str, chance: random.Random, at: datetime) -> list[str]:
    title, first = chance.choice(FIRST_NAMES)
    last = chance.choice(LAST_NAMES)
    postal_code, town = chance.choice(TOWNS)
    born = datetime(1940, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(24_000))
    consent, consent_at, notice = _consent(chance, at)
    newsletter = chance.choice(["oui", "oui", "non", ""])
    return [
        customer,
        title if _happens(chance, 0.8) else "",
        _typed(first, chance),
        _typed(last, chance),
        _email(first, last, number, chance),
        _phone(number, chance),
        born.date().isoformat() if _happens(chance, 0.6) else "",
        postal_code,
        _typed(town, chance),
        chance.choice(COUNTRIES),
        chance.choice(["or", "argent", "bronze", ""]),
        consent,
        consent_at,
        notice,
        newsletter,
        _day(at - timedelta(days=chance.randrange(900))) if newsletter else "",
        _second(at - timedelta(hours=chance.randrange(1, 24 * 60))),
        "0",
    ]


def _again(contact: list[str], customer: str) -> list[str]:
    first, last, email, mobile = contact[2].upper(), contact[3].upper(), contact[4].upper(), contact[5]
    return [customer, "", first, last, email, mobile, *contact[6:11], "", "", "", *contact[14:]]


def _consent(chance: random.Random, at: datetime) -> tuple[str, str, str]:
    kind = chance.choices([name for _, name in _CONSENTS], [share for share, _ in _CONSENTS])[0]
    recent = _second(at - timedelta(minutes=chance.randrange(60 * 24, 60 * 24 * 600)))
    match kind:
        case "given":
            return "oui", recent, "ads-2026@1"
        case "withdrawn":
            return "retiré", recent, "ads-2026@1"
        case "refused":
            return "non", recent, "ads-2026@1"
        case "expired":
            return "oui", _second(at - timedelta(days=chance.randrange(800, 1500))), "ads-2026@1"
        case "no_notice":
            return "oui", recent, ""
        case _:
            return "", "", ""


def _email(first: str, last: str, number: int, chance: random.Random) -> str:
    if _happens(chance, 0.03):
        return chance.choice(["", "inconnu", f"client{number}@", "pas d'adresse"])
    local = "".join(c for c in unicodedata.normalize("NFD", f"{first}.{last}".lower()) if c.isascii() and c not in " '")
    address = f"{local}.{number}@{chance.choice(['example.com', 'example.net', 'example.org'])}"
    return chance.choice([address, address, address, address.upper(), f" {address}", f"{address}\u00a0"])


def _phone(number: int, chance: random.Random) -> str:
    area, rest = divmod(number, _NUMBERS_EACH)
    if area >= len(_FICTIONAL) or _happens(chance, 0.25):
        return chance.choice(["", "", "06 00", "0000000000", "inconnu", "12345"])
    digits = f"{_FICTIONAL[area]}{rest:04d}"
    pairs = " ".join(digits[place : place + 2] for place in range(1, 9, 2))
    return chance.choice(
        [
            f"0{digits[0]} {pairs}",
            f"0{digits}",
            f"+33{digits}",
            f"+33 (0){digits[0]} {pairs}",
            f"0033{digits}",
            f"0{digits[0]}.{pairs.replace(' ', '.')}",
            f"0{digits[0]}\u00a0{pairs}",
            f"\u200b0{digits}",
        ]
    )


def _typed(word: str, chance: random.Random) -> str:
    return chance.choice([word, word, word, word.upper(), f"{word} ", unicodedata.normalize("NFD", word)])


def _orders(customer: str, chance: random.Random, at: datetime) -> Iterator[tuple[object, ...]]:
    _, count, since, basket = chance.choices(_HABITS, [habit[0] for habit in _HABITS])[0]
    orders = chance.randint(*count)
    when = at - timedelta(days=chance.randint(*since), minutes=chance.randrange(1440))
    for _ in range(orders):
        amount = max(5.0, chance.gauss(basket, basket / 4))
        status = "annulée" if _happens(chance, 0.03) else "payée"
        yield customer, _second(when), f"{amount:.2f}", status
        when -= timedelta(days=chance.randint(12, 45), minutes=chance.randrange(1440))


def _web(customer: str, chance: random.Random, at: datetime) -> Iterator[tuple[object, ...]]:
    for _ in range(chance.randrange(6)):
        yield customer, _second(at - timedelta(minutes=chance.randrange(60 * 24 * 60))), "view", "/catalogue", None
    if _happens(chance, 0.10):  # left the basket standing, more than a day ago
        left = at - timedelta(minutes=chance.randrange(60 * 30, 60 * 24 * 6))
        yield customer, _second(left), "cart", "/panier", f"{chance.uniform(20, 200):.2f}"
    for _ in range(chance.choices([0, 2, 9], [0.45, 0.40, 0.15])[0]):
        opened = at - timedelta(minutes=chance.randrange(60 * 24 * 29))
        yield customer, _second(opened), "newsletter_open", "/lettre", None


def _happens(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _second(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(when: datetime) -> str:
    return when.date().isoformat()
