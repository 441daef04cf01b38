"""A million invented contacts as one CSV file, written without a Python loop."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

COLUMNS: tuple[str, ...] = (
    "customer_id",
    "prenom",
    "nom",
    "email",
    "mobile",
    "code_postal",
    "ville",
    "pays",
    "fidelite",
)
COLUMNS += ("ads_consent", "ads_consent_at", "ads_notice", "updated_at", "supprime")

_FIRST = ["Zoé", "Léa", "Jean-François", "Aïcha", "Théo", "Marie", "Benoît", "Camille", "Inès", "Loïc"]
_LAST = ["Lefèvre", "D'Ambrosio", "Le Goff", "Müller", "Garcia", "Dupont", "Traoré", "Noël", "Pérez", "Roche"]
_TOWNS = ["Paris", "Lyon", "Évry", "Saint-Étienne", "Lille", "Les Sables-d'Olonne", "Brest", "Nice"]


def contacts(count: int, *, agreed_at: str, start: int = 0) -> pa.Table:
    """`count` people who all agreed: everybody has an e-mail address, nine in ten a French mobile."""
    number = np.arange(start, start + count)
    chance = np.random.default_rng(2026)
    text = pc.cast(pa.array(number), pa.string())
    padded = pc.utf8_lpad(text, 8, "0")
    mobile = pc.binary_join_element_wise(pa.scalar("+336"), padded, "")
    spaced = pc.binary_join_element_wise(pa.scalar("06 "), padded, "")
    mobile = pc.if_else(pa.array(chance.random(count) < 0.5), mobile, spaced)
    mobile = pc.if_else(pa.array(chance.random(count) < 0.9), mobile, pa.scalar(""))
    postal = pc.utf8_lpad(pc.cast(pa.array(chance.integers(1000, 95999, count)), pa.string()), 5, "0")
    columns = {
        "customer_id": pc.binary_join_element_wise(pa.scalar("C"), padded, ""),
        "prenom": _pick(_FIRST, chance, count),
        "nom": _pick(_LAST, chance, count),
        "email": pc.binary_join_element_wise(pa.scalar("person."), text, pa.scalar("@example.com"), ""),
        "mobile": mobile,
        "code_postal": postal,
        "ville": _pick(_TOWNS, chance, count),
        "pays": pa.array(["FR"] * count),
        "fidelite": _pick(["or", "argent", "bronze"], chance, count),
        "ads_consent": pa.array(["oui"] * count),
        "ads_consent_at": pa.array([agreed_at] * count),
        "ads_notice": pa.array(["ads-2026@1"] * count),
        "updated_at": pa.array([agreed_at] * count),
        "supprime": pa.array(["0"] * count),
    }
    return pa.table({name: columns[name] for name in COLUMNS})


def write_csv(path: Path, count: int, *, agreed_at: str) -> None:
    """Write them in pieces."""
    piece = 100_000
    schema = contacts(1, agreed_at=agreed_at).schema
    with pv.CSVWriter(path, schema, write_options=pv.WriteOptions(delimiter=";", quoting_style="needed")) as writer:
        for start in range(0, count, piece):
            writer.write_table(contacts(min(piece, count - start), agreed_at=agreed_at, start=start))


def _pick(words: list[str], chance: np.random.Generator, count: int) -> pa.Array:
    return pa.array(words).take(pa.array(chance.integers(0, len(words), count)))
