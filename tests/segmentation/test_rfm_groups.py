"""Which RFM groups a segment is made of, as its rules say."""

import pytest

from passerelle.segmentation import SegmentFile

BOUGHT = {"trait": "orders", "at_least": 2}


@pytest.mark.parametrize(
    ("where", "groups"),
    [
        ({"rfm": "champions"}, ("champions",)),
        ({"rfm": ["at_risk", "lost"]}, ("at_risk", "lost")),
        ({"all": [{"rfm": "loyal"}, BOUGHT]}, ("loyal",)),
        ({"any": [{"rfm": "loyal"}, BOUGHT]}, ()),
        ({"not": {"rfm": "loyal"}}, ()),
        ({"all": [{"rfm": "loyal"}, {"rfm": "champions"}]}, ()),
        (BOUGHT, ()),
    ],
)
def test_a_segment_is_of_the_groups_that_its_rule_chooses_or_narrows(where: object, groups: tuple[str, ...]) -> None:
    assert SegmentFile.model_validate({"segment": "it", "where": where}).rfm_groups == groups
