"""Loading a workspace: all its problems at once, each with file, line and suggestion."""

import shutil
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.keys import Keyring
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.settings.load import load
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.workspace import Workspace, nearest

AUDIENCE = "audience: a\nsegment: lapsing_champions\npurpose: ad_list_matching\ndestinations: {meta: {}}\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("load") / "shop"
    scaffold(folder)
    return folder


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "shop"))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    scaffold(tmp_path / "empty", empty=True)
    return tmp_path / "empty"


def problems(folder: Path) -> list[str]:
    try:
        found = load(folder).unready
    except Unusable as error:
        found = error.problems
    return [str(problem) for problem in found]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def line_of(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if text in line)


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"no passerelle.yaml") as caught:
        load(tmp_path)

    assert "passerelle init" in caught.value.advice


def test_problems_of_every_file_are_told_together(shop: Path) -> None:
    edit(shop / "passerelle.yaml", "timezone: Europe/Paris", "timezone: Europe/Pariss")
    edit(shop / "policy.yaml", "validity_days: 730", "validity_days: yes")
    edit(shop / "audiences" / "cart_abandoners.yaml", "maximum_change", "maximum_chnage")

    said = problems(shop)

    assert {line.partition(",")[0] for line in said} == {
        "passerelle.yaml",
        "policy.yaml",
        "audiences/cart_abandoners.yaml",
    }


def test_a_file_that_is_no_yaml_does_not_hide_the_others(shop: Path) -> None:
    (shop / "policy.yaml").write_text("version: [1\n")
    edit(shop / "audiences" / "cart_abandoners.yaml", "purpose:", "porpuse:")

    said = problems(shop)

    assert any(line.startswith("policy.yaml, line 2: this is not YAML") for line in said)
    assert any("Did you mean `purpose`?" in line for line in said)


def test_a_segment_that_is_misspelt_is_suggested(shop: Path) -> None:
    (shop / "audiences" / "a.yaml").write_text(AUDIENCE.replace("champions", "champion"))

    assert problems(shop) == [
        "audiences/a.yaml, line 2: there is no segment `lapsing_champion`. Did you mean `lapsing_champions`?"
    ]


def test_a_destination_that_is_misspelt_is_suggested(shop: Path) -> None:
    (shop / "audiences" / "a.yaml").write_text(AUDIENCE.replace("meta:", "metta:"))

    assert problems(shop) == ["audiences/a.yaml, line 4: there is no destination `metta`. Did you mean `meta`?"]


def test_a_segment_whose_file_is_wrong_is_not_missed_twice(shop: Path) -> None:
    (shop / "segments" / "lapsing_champions.yaml").write_text("segment: [\n")

    assert len(problems(shop)) == 1


def test_an_audience_that_no_rule_allows_is_noticed_before_anything_runs(shop: Path) -> None:
    (shop / "audiences" / "a.yaml").write_text(AUDIENCE.replace("ad_list_matching", "ad_measurement"))

    [said] = problems(shop)

    assert said.startswith("audiences/a.yaml, line 4: no rule in policy.yaml")


def test_a_file_must_be_called_what_it_defines(shop: Path) -> None:
    (shop / "audiences" / "b.yaml").write_text(AUDIENCE)

    assert problems(shop) == ["audiences/b.yaml, line 1: `audience` must be the file's name, `b`."]


def test_a_source_whose_freshness_is_asked_for_must_exist(shop: Path) -> None:
    edit(shop / "policy.yaml", "crm: 24h", "crn: 24h")

    [said] = problems(shop)

    assert "there is no source `crn`. Did you mean `crm`?" in said


def test_a_table_of_the_model_must_come_from_a_source(shop: Path) -> None:
    edit(shop / "model.yaml", "from: orders", "from: ordres")

    [said] = problems(shop)

    assert said.startswith(f"model.yaml, line {line_of(shop / 'model.yaml', 'ordres')}: ")
    assert "Did you mean `orders`?" in said


def test_an_unknown_kind_lists_the_known_ones(shop: Path) -> None:
    edit(shop / "passerelle.yaml", "kind: google_ads", "kind: google_adds")

    [said] = problems(shop)

    assert said.startswith(f"passerelle.yaml, line {line_of(shop / 'passerelle.yaml', 'google_adds')}: ")
    assert "Did you mean `google_ads`? Known kinds: `google_ads` and `meta`." in said


def test_a_misspelt_key_of_a_destination_is_suggested_with_its_line(shop: Path) -> None:
    edit(shop / "passerelle.yaml", "token_file:", "token_fiel:")

    said = problems(shop)

    line = line_of(shop / "passerelle.yaml", "token_fiel")
    assert f"passerelle.yaml, line {line}: `destinations.meta.token_fiel` is not a key here. Did you mean" in said[-1]


def test_a_secret_written_into_the_settings_is_refused_and_not_shown(shop: Path) -> None:
    edit(shop / "passerelle.yaml", "token_file: secrets/meta.token", "token: EAACANARY0000000")

    said = problems(shop)

    assert not any("CANARY" in line for line in said)


def test_an_error_of_a_source_s_shape_has_its_line(shop: Path) -> None:
    edit(shop / "passerelle.yaml", "page: {attribute: string}", "page: {}")

    [said] = problems(shop)

    assert said.startswith(f"passerelle.yaml, line {line_of(shop / 'passerelle.yaml', 'page: {}')}: ")


def test_the_nearest_workspace_is_found_from_inside(shop: Path) -> None:
    assert nearest(shop / "audiences") == shop
    assert nearest(shop.parent) == shop.parent


def test_a_workspace_opens_with_its_own_key_only(empty: Path) -> None:
    with Workspace.open(empty) as workspace:
        workspace.store()
    (empty / "keys" / "master.key").unlink()
    Keyring.create(empty / "keys" / "master.key")

    with pytest.raises(IntegrityError), Workspace.open(empty) as workspace:
        workspace.store()


def test_a_log_that_was_rolled_back_stops_everything(empty: Path) -> None:
    with Workspace.open(empty) as workspace:
        for now in (1, 2):
            with workspace.store().write() as connection:
                workspace.log().append(connection, "operator", {"did": "try"}, now=now)
                workspace.log().checkpoint(connection, now=now)
            if now == 1:
                workspace.close()
                shutil.copy(empty / "var" / "control.db", empty / "old.db")
    for leftover in (empty / "var").glob("control.db*"):
        if leftover.is_file():
            leftover.unlink()
    shutil.copy(empty / "old.db", empty / "var" / "control.db")

    with pytest.raises(IntegrityError), Workspace.open(empty) as workspace:
        workspace.log()


def test_everything_under_var_is_closed_to_others(empty: Path) -> None:
    with Workspace.open(empty) as workspace:
        workspace.store()
        workspace.lake()

    for path in (empty / "var").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_the_same_rooms_are_handed_out_each_time(empty: Path) -> None:
    with Workspace.open(empty) as workspace:
        assert workspace.store() is workspace.store()
        assert workspace.log() is workspace.log()
        assert workspace.gate() is workspace.gate()


def test_an_error_about_a_document_gets_its_line_on_the_way_out(shop: Path) -> None:
    problem = DefinitionError("Unknown trait.", path=("where",))
    problem.document = "segments/lapsing_champions.yaml"  # type: ignore[attr-defined]

    with pytest.raises(Unusable) as caught, Workspace.open(shop):
        raise problem

    line = line_of(shop / "segments" / "lapsing_champions.yaml", "where:")
    assert str(caught.value.problems[0]) == f"segments/lapsing_champions.yaml, line {line}: Unknown trait."


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("segments/cart_abandoners.yaml", "sequence:", "sequnce:"),
        ("segments/cart_abandoners.yaml", "description:", "\tdescription:"),
        ("audiences/cart_abandoners.yaml", "purpose:", "porpuse:"),
        ("audiences/cart_abandoners.yaml", "segment: cart_abandoners", "segment: cart_abandoner"),
        ("model.yaml", "tables:", "tabels:"),
    ],
)
def test_a_misspelt_rule_keeps_nobody_from_withdrawing(shop: Path, file: str, old: str, new: str) -> None:
    edit(shop / file, old, new)

    with Workspace.open(shop) as workspace:
        assert workspace.gate() is not None  # what withdrawals need
        assert workspace.destination("meta") is not None  # what removals need
        for part in ("model", "segments", "audiences"):
            with pytest.raises(Unusable) as caught:
                getattr(workspace, part)
            assert any(file in str(problem) for problem in caught.value.problems)


def test_a_misspelt_policy_stops_everything(shop: Path) -> None:
    edit(shop / "policy.yaml", "validity_days:", "validity_day:")

    with pytest.raises(Unusable, match=r"policy\.yaml"):
        Workspace.open(shop)


def test_values_are_checked_against_the_destination_and_the_traits(shop: Path) -> None:
    told = AUDIENCE.replace("{meta: {}}", "{meta: {}, google: {}}")
    (shop / "audiences" / "a.yaml").write_text(f"{told}value: {{trait: revenue_365}}\n")
    found = problems(shop)
    assert len(found) == 2
    assert found[0].startswith("audiences/a.yaml, line 5: `google` takes no values of people")
    assert "there is no trait `revenue_365`" in found[1]
    assert "`revenue_365d`" in found[1]
    (shop / "audiences" / "a.yaml").write_text(f"{AUDIENCE}value: {{trait: revenue_365d, digits: 3}}\n")
    assert problems(shop) == []


@pytest.mark.parametrize(
    ("drawn", "more", "said"),
    [
        ("splits: {a: 50, b: 50}", "split: a", ""),
        ("splits: {a: 50, b: 50}", "split: c", "there is no split `c`."),
        ("", "split: a", "there is no split `a`."),
        ("holdout: {percent: 10, salt: s}", "holdout: {percent: 10, salt: t}", ""),
        ("holdout: {percent: 10, salt: s}", "holdout: {percent: 10, salt: s}", "draws by the salt `s` already"),
        ("splits: {a: 50}", "holdout: {percent: 10, salt: lapsing_champions}", "draws by the salt"),
    ],
)
def test_how_an_audience_is_drawn_is_checked_against_its_segment(shop: Path, drawn: str, more: str, said: str) -> None:
    segment = shop / "segments" / "lapsing_champions.yaml"
    segment.write_text(f"{segment.read_text()}{drawn}\n")
    (shop / "audiences" / "a.yaml").write_text(f"{AUDIENCE}{more}\n")
    found = problems(shop)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_labels_are_checked_against_the_destination(shop: Path) -> None:
    told = "{meta: {labels: [high_value_customer]}, google: {labels: [at_risk]}}"
    (shop / "audiences" / "a.yaml").write_text(AUDIENCE.replace("{meta: {}}", told))

    found = [problem for problem in problems(shop) if "audiences/a.yaml" in problem]

    assert len(found) == 2
    assert "did you mean `high_value_customers`" in found[0].lower()
    assert "`google` knows no labels" in found[1]


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (
            "{kind: oracle}",
            "`engine` has no such `kind`; there are `duckdb`, `postgres`, `spark`, `bigquery` and `snowflake`",
        ),
        ("{kind: postgres}", "`engine.url_file` is missing"),
        ("{kind: postgres, url_file: a, schema: Two Words}", "`engine.schema` must be a name"),
        ("{kind: spark, token_file: a}", "`engine` has a `token_file`, which goes with `remote`"),
        ('{kind: spark, remote: "sc://here", memory: 2GB}', "`engine` has `remote`: a server of Spark Connect knows"),
        (
            '{kind: spark, remote: "sc://here/;token=abc"}',
            "`engine.remote` is not written as it must be. A server of Spark Connect, such as",
        ),
        ("{memory: 2GB, treads: 3}", "`engine.treads` is not a key here. Did you mean `threads`?"),
    ],
)
def test_what_is_wrong_with_an_engine_is_said_by_its_key(shop: Path, engine: str, said: str) -> None:
    file = shop / "passerelle.yaml"
    edit(file, "engine: {kind: duckdb, memory: 2GB}", f"engine: {engine}")
    found = problems(shop)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("lake", "said"),
    [
        ("s3://shop/lake", "`lake` is a folder; for a bucket write `lake: {path: s3://…"),
        ("{path: s3://shop/lake, region: eu-west-3}", "`lake` must hold either `key_file` or `key_command`"),
        (
            "{path: s3://shop, region: eu-west-3, key_file: a}",
            "`lake.path` is not written as it must be. s3://bucket/prefix",
        ),
        ("{path: s3://shop/lake, key_file: a}", "`lake.region` is missing"),
    ],
)
def test_what_is_wrong_with_the_lakes_place_is_said_by_its_key(shop: Path, lake: str, said: str) -> None:
    edit(shop / "passerelle.yaml", "lake: var/lake", f"lake: {lake}")
    found = problems(shop)
    assert any(said in one for one in found), found


def test_a_cluster_of_spark_and_a_lake_in_a_bucket_do_not_go_together(shop: Path) -> None:
    lake = "{path: s3://shop/lake, region: eu-west-3, key_file: a}"
    edit(
        shop / "passerelle.yaml",
        "lake: var/lake",
        f"lake: {lake}",
    )
    edit(
        shop / "passerelle.yaml",
        "engine: {kind: duckdb, memory: 2GB}",
        "engine: {kind: spark, master: 'spark://it:7077'}",
    )
    with Workspace.open(shop) as workspace, pytest.raises(DefinitionError, match="cannot read a lake in a bucket"):
        workspace.engine()
