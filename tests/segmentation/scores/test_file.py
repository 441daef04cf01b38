"""What a score's file may say, and which changes ask for another model."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.segmentation.scores.shoppers import asked, spending


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"will_not": "purchase"}, "must have one of `will`, `will_not` and `will_spend`"),
        ({"will": None}, "must have one of `will`, `will_not` and `will_spend`"),
        ({"features": None}, "needs `features`"),
        ({"will": None, "will_spend": "purchase.amount"}, "takes no `features`"),
        ({"cuts": 2}, "greater than or equal to 3"),
        ({"within": "1 month"}, "length of time"),
    ],
)
def test_what_makes_no_sense_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        asked(**more)


def test_gates_and_words_for_readers_ask_for_no_other_model() -> None:
    one = asked()
    assert one.digest == asked(description="Soon.", gates={"min_auc": 0.7}).digest
    others = [asked(within="31d"), asked(seed=2), asked(will=None, will_not="purchase"), spending()]
    assert len({one.digest, *(each.digest for each in others)}) == 5
