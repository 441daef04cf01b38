"""Records that are probably one person, though no identifier of theirs is equal.

    fold -> block -> compare -> tell kinds of pairs apart -> pairs with a probability

Columns of text are folded (case, accents, punctuation), records that share a blocking key become candidate pairs, each
field of a candidate gets a level of agreement, and what the levels say together is estimated from the records
themselves, without labels. All of it happens in memory: nothing is written, and a pair is two row numbers,
a probability and levels. What a pair may do is decided elsewhere: it may take people out, never put them in.
"""

from passerelle.privacy.duplicates.columns import Column, Kind, columns_of, named
from passerelle.privacy.duplicates.find import FEWEST, THRESHOLD, Found, find

__all__ = ["FEWEST", "THRESHOLD", "Column", "Found", "Kind", "columns_of", "find", "named"]
