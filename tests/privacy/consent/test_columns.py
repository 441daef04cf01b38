import pyarrow as pa
import pytest

from passerelle.privacy.consent.columns import codes, dictionary

CODED = pa.dictionary(pa.int32(), pa.string())


@pytest.mark.parametrize("words", [0, 3, 120_000])
@pytest.mark.parametrize("kind", [pa.string(), CODED])
def test_pieces_with_their_own_dictionaries_become_one(words: int, kind: pa.DataType) -> None:
    pieces = [[None, *(f"{start}{n}" for n in range(words))] for start in ("a", "b", "a")]
    column = pa.chunked_array([pa.array(piece, pa.string()).cast(kind) for piece in pieces], kind)
    found = dictionary(column)
    assert found.to_pylist() == [word for piece in pieces for word in piece]
    places, width = codes(found)
    assert len(set(places.tolist())) == len(found.dictionary) + 1 == width == 2 * words + 1


def test_a_column_without_pieces_is_empty() -> None:
    assert len(dictionary(pa.chunked_array([], pa.string()))) == 0
