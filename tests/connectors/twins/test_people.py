from hypothesis import given
from hypothesis import strategies as st

from passerelle.connectors.twins.people import People

KEYS = st.lists(st.sampled_from([f"email:{letter}" for letter in "abcdefgh"]), min_size=1, max_size=3, unique=True)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), KEYS), max_size=30)


def test_a_person_is_one_member_under_any_key() -> None:
    people = People()
    people.add(("email:a", "phone:1"), 1)
    people.add(("email:b", "phone:1"), 2)
    assert list(people) == [("email:a", "email:b", "phone:1")]
    assert people.remove(["email:b"]) == 1
    assert len(people) == 0


def test_people_who_turn_out_to_be_one_are_merged() -> None:
    people = People()
    people.add(("email:a",), 1)
    people.add(("phone:1",), 1)
    people.add(("email:a", "phone:1"), 2)
    assert len(people) == 1


def test_only_those_last_added_before_a_moment_are_removed() -> None:
    people = People()
    people.add(("email:a",), 1)
    people.add(("email:b",), 1)
    people.add(("email:a",), 5)
    assert people.remove_added_before(5) == 1
    assert list(people) == [("email:a",)]


def test_counting_keeps_no_key() -> None:
    people = People(keep=False)
    people.add(("email:a",), 1)
    people.add(("email:b",), 1)
    people.remove(["email:a"])
    assert (len(people), list(people)) == (1, [])


@given(STEPS)
def test_members_are_the_connected_groups_of_a_plain_model(steps: list[tuple[str, list[str]]]) -> None:
    people, model = People(), list[set[str]]()
    for number, (action, keys) in enumerate(steps):
        touched = [group for group in model if group & set(keys)]
        model = [group for group in model if not group & set(keys)]
        if action == "add":
            people.add(keys, number)
            model.append(set(keys).union(*touched))
        else:
            assert people.remove(keys) == len(touched)
    assert sorted(people) == sorted(tuple(sorted(group)) for group in model)
    assert sorted(People.load(people.dump())) == sorted(people)
