"""Every problem of a file is told at once, with its line, and without its value."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import SegmentFile
from passerelle.workflows.settings.audience import Audience
from passerelle.workflows.settings.document import parse
from passerelle.workflows.settings.load import validated
from passerelle.workflows.settings.problems import fields_at, from_definition, from_validation
from passerelle.workflows.settings.project import Project


def problems(text: str, model: type[BaseModel] = Audience) -> list[str]:
    document = parse(text, "f.yaml")
    try:
        validated(model, document.data)
    except ValidationError as error:
        return [str(problem) for problem in sorted(from_validation(error, model, document))]
    return []


GOOD = """\
audience: lapsing
segment: lapsing
purpose: ad_list_matching
destinations:
  meta: {}
"""


def test_a_good_file_has_none() -> None:
    assert problems(GOOD) == []


def test_a_misspelt_key_is_answered_with_the_one_that_was_meant() -> None:
    assert problems(GOOD + "gaurds: {}\n") == ["f.yaml, line 6: `gaurds` is not a key here. Did you mean `guards`?"]


def test_a_key_that_resembles_nothing_is_answered_with_the_known_ones() -> None:
    [said] = problems(GOOD + "guards:\n  zzz: 1\n")

    assert said == "f.yaml, line 7: `guards.zzz` is not a key here. Known here: `maximum_change`, `minimum_size`."


def test_conditions_are_known_however_deep_they_stand() -> None:
    assert {"trait", "did", "all"} <= fields_at(SegmentFile, ("where", "all", 0, "any", 1, "not"))


def test_all_problems_are_told_at_once() -> None:
    said = problems("audience: Été\npurpose: advertising\ndestinations: {}\nguards: {minimum_size: '100'}\n")

    assert [line.partition(": ")[0] for line in said] == [f"f.yaml, line {n}" for n in (1, 1, 2, 3, 4)]
    assert "`audience` must be a name" in said[0]
    assert said[1].endswith("`segment` is missing")
    assert "must be `ad_list_matching`" in said[2]
    assert said[4].endswith("`guards.minimum_size` must be a whole number")


@pytest.mark.parametrize("change", ["30", "30%", "12.5%", "0.5"])
def test_a_share_may_be_written_with_or_without_its_sign(change: str) -> None:
    assert problems(GOOD + f"guards: {{maximum_change: {change}}}\n") == []


@pytest.mark.parametrize("change", ["'30'", "101%", "-1", "½%", "a third", "٣٠%"])
def test_a_share_that_is_none_is_refused(change: str) -> None:
    assert len(problems(GOOD + f"guards: {{maximum_change: {change}}}\n")) == 1


def test_text_does_not_become_a_truth_value_nor_a_number_text() -> None:
    class Model(BaseModel):
        flag: bool = False
        word: str = ""

    assert problems("flag: yes\n", Model) == ["f.yaml, line 1: `flag` must be `true` or `false`"]
    assert problems("word: 123\n", Model) == [
        "f.yaml, line 1: `word` must be text; put it in quotes if it looks like a number"
    ]


@pytest.mark.parametrize("key", ["token", "app_secret", "password", "api_key", "url", "store_dsn"])
def test_the_value_of_a_secret_is_never_quoted(key: str) -> None:
    class Model(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        token: Annotated[str, Field(max_length=3)] = ""
        app_secret: Literal["a"] = "a"
        password: Annotated[str, Field(pattern="^x$")] = "x"
        api_key: int = 0
        url: Annotated[str, Field(min_length=100)] = "-"

    [said] = problems(f"{key}: EAACANARY99\n", Model)

    assert "CANARY" not in said


def test_a_problem_inside_a_union_has_its_line_and_no_tag() -> None:
    class Files(BaseModel):
        model_config = ConfigDict(extra="forbid")
        kind: Literal["files"]
        path: str

    class Sql(BaseModel):
        model_config = ConfigDict(extra="forbid")
        kind: Literal["sql"]
        table: str

    class Sources(RootModel[dict[str, Annotated[Files | Sql, Field(discriminator="kind")]]]):
        pass

    class Model(BaseModel):
        sources: Sources

    assert problems("sources:\n  crm:\n    kind: sql\n    tabel: x\n", Model) == [
        "f.yaml, line 2: `sources.crm.table` is missing",
        "f.yaml, line 4: `sources.crm.tabel` is not a key here. Did you mean `table`?",
    ]


def test_a_rule_of_the_model_speaks_in_its_own_words() -> None:
    [said] = problems("version: 1\nname: a\nkeys: {}\n", Project)

    assert said == "f.yaml, line 3: `keys` must hold either `file` or `command`"


def test_a_misspelt_time_zone_gets_a_suggestion() -> None:
    [said] = problems("version: 1\nname: a\nkeys: {file: k}\ntimezone: Europe/Pari\n", Project)

    assert said.endswith("Did you mean `Europe/Paris`?")
    assert said.startswith("f.yaml, line 4: ")


def test_an_error_from_another_room_gets_file_and_line() -> None:
    document = parse("where:\n  all:\n    - {trait: x}\n", "segments/a.yaml")

    [problem] = from_definition(DefinitionError("unknown trait.", path=("where", "all", 0, "trait")), document)

    assert str(problem) == "segments/a.yaml, line 3: unknown trait."


def test_a_key_with_control_characters_is_not_repeated() -> None:
    [said] = problems(GOOD + '"a\\u001b[2J": 1\n')

    assert "\x1b" not in said


def test_a_misspelt_word_of_a_list_is_suggested_and_not_repeated() -> None:
    (said,) = problems(GOOD.replace("ad_list_matching", "ad_list_maching"))

    assert said.endswith("Did you mean `ad_list_matching`?")
    assert "maching" not in said


def test_a_share_says_how_it_is_written() -> None:
    (said,) = problems(GOOD + "guards: {maximum_change: 30 pct}\n")

    assert said == "f.yaml, line 6: `guards.maximum_change` must be a share such as `30%`"


def test_a_pattern_is_told_as_the_description_of_its_field() -> None:
    text = "version: 1\nname: a\nkeys: {file: k}\ndefault_country: France\nengine: {memory: lots}\n"

    country, memory = problems(text, Project)

    assert country.endswith("Country of people whose country is not known: two capital letters.")
    assert memory.endswith("How much memory it may use, such as 2GB or 512MB.")
