import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.log import canonical
from passerelle.privacy.vocabulary import Purpose

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("éab"), inner), max_leaves=12)


@given(VALUES)
def test_it_is_json_and_the_same_for_equal_values(value: object) -> None:
    written = canonical(value)
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written


def test_keys_stand_in_order_without_spaces() -> None:
    assert canonical({"b": [1, None], "a": Purpose.AD_LIST_MATCHING, "é": True}) == (
        '{"a":"ad_list_matching","b":[1,null],"é":true}'.encode()
    )


@pytest.mark.parametrize("value", [1.0, float("nan"), b"x", {1: 2}, [0.5], {"a": {"b": 1.5}}, 2**63, "\ud800", {1, 2}])
def test_what_has_no_one_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="canonical JSON"):
        canonical(value)
