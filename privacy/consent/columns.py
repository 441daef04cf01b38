"""Arrow columns as numpy: numbers, and words as small numbers."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.consent.groups import Ints

_MANY_WORDS = 200_000

Places = npt.NDArray[np.int32]


def ints(column: pa.ChunkedArray, otherwise: int = 0) -> Ints:
    """Numbers, with `otherwise` for null. A view where there is no null and one piece."""
    return np.asarray((pc.fill_null(column, otherwise) if column.null_count else column).to_numpy())


def dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """The column as one dictionary array."""
    if not pa.types.is_dictionary(column.type):
        joined = column.dictionary_encode().combine_chunks()  # whose pieces share one dictionary
    elif sum(len(piece.dictionary) for piece in column.chunks) > _MANY_WORDS:
        return dictionary(column.cast(pa.string()))  # six times faster than to unify large dictionaries
    else:
        joined = column.unify_dictionaries().combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def codes(coded: pa.DictionaryArray) -> tuple[Places, int]:
    """The number of each row's word, the greatest for null; and how many numbers there are."""
    width = len(coded.dictionary)
    places = coded.indices.cast(pa.int32())
    places = pc.fill_null(places, width) if coded.null_count else places
    return np.asarray(places.to_numpy(zero_copy_only=False)), width + 1
