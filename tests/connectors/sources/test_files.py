"""Files as people export them: delimiters, encodings, ragged lines, files that come and go."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.files import Files, FilesSettings

NOW = 1_795_219_200_000_000
FIELDS: dict[str, Any] = {"id": {"key": True, "identifier": "external_id"}, "ville": {"attribute": "string"}}


def source(folder: Path, path: str = "*.*", fields: dict[str, Any] | None = None, **more: object) -> Files:
    data = {"kind": "files", "path": path, "grain": "person", "fields": fields or FIELDS, **more}
    return Files("crm", FilesSettings.model_validate_json(json.dumps(data), strict=True), folder=folder)


def pull(files: Files, state: State | None = None, page_rows: int = 1000) -> list[Page]:
    return list(files.pull(files.resources[0], state, Context(now=NOW, page_rows=page_rows)))


def rows(pages: list[Page], *names: str) -> list[tuple[Any, ...]]:
    found = [tuple(row[name] for name in names or ("id", "ville")) for page in pages for row in page.rows.to_pylist()]
    return sorted(found, key=repr)


def faults(pages: list[Page]) -> list[tuple[str, str]]:
    return [(row["place"], row["reason"]) for page in pages for row in page.quarantined.to_pylist()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_delimiter_and_encoding_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = delimiter.join(["id", "note", "ville"]) + "\n" + delimiter.join(["C1", '"a,b;c|d"', "Évry"]) + "\n"
    (tmp_path / "people.csv").write_bytes(text.encode(encoding))
    assert rows(pull(source(tmp_path))) == [("C1", "Évry")]


def test_values_may_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(
        'id;ville\r\nC1;"Saint; ""Étienne""\r\nCedex"\r\n', encoding="utf-8", newline=""
    )
    assert rows(pull(source(tmp_path))) == [("C1", 'Saint; "Étienne"\r\nCedex')]


def test_ragged_lines_are_quarantined_with_file_and_line_and_the_others_come(tmp_path: Path) -> None:
    lines = ["id;ville", "C1;Lille", "SECRET", "C2;Brest", "C3;a;SECRET", "C4;Nice"]
    (tmp_path / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pages = pull(source(tmp_path))
    assert rows(pages) == [("C1", "Lille"), ("C2", "Brest"), ("C4", "Nice")]
    assert faults(pages) == [("people.csv:3", "wrong_number_of_columns"), ("people.csv:5", "wrong_number_of_columns")]
    places = pages[0].places
    assert places is not None
    assert places(pa.array([0, 1, 2])).to_pylist() == ["people.csv:2", "people.csv:4", "people.csv:6"]


@pytest.mark.parametrize(("name", "bad"), [("a.csv", "C1;Lille;3\n"), ("a.jsonl", "none\n")])
def test_files_of_the_same_name_in_two_folders_have_lines_of_their_own(tmp_path: Path, name: str, bad: str) -> None:
    for folder in ("2025", "2026"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(("id;ville\n" if name.endswith("csv") else "") + bad, encoding="utf-8")
    found = pull(source(tmp_path, "*/a.*"))
    line = 2 if name.endswith("csv") else 1
    assert [place for place, _ in faults(found)] == [f"2025/{name}:{line}", f"2026/{name}:{line}"]
    assert [page.begins for page in found[:2]] == [f"2025/{name}:", f"2026/{name}:"]


def test_a_ragged_line_far_into_a_large_file_costs_that_line_alone(tmp_path: Path) -> None:
    lines = [f"C{number};{'x' * 100}" for number in range(120_000)]
    lines[100_000] = "bad"
    (tmp_path / "people.csv").write_text("id;ville\n" + "\n".join(lines) + "\n", encoding="utf-8")
    pages = pull(source(tmp_path), page_rows=30_000)
    assert sum(page.rows.num_rows for page in pages) == 119_999
    assert faults(pages) == [("people.csv:100002", "wrong_number_of_columns")]
    assert len({key for page in pages for key in page.rows["id"].to_pylist()}) == 119_999


def test_letters_that_do_not_decode_are_quarantined_where_the_encoding_was_set(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes("id;ville\nC1;Évry\n".encode() + "C2;Évry\n".encode("cp1252"))
    pages = pull(source(tmp_path, encoding="utf-8"))
    assert rows(pages) == [("C1", "Évry")]
    assert faults(pages) == [("people.csv:3", "bad_encoding")]


def test_gzip_is_seen_in_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(gzip.compress(b"id,ville\nC1,Lille\n"))
    assert rows(pull(source(tmp_path))) == [("C1", "Lille")]


def test_json_lines_take_any_scalar_and_say_which_line_is_none(tmp_path: Path) -> None:
    lines = [
        '{"id": 1, "ville": "Évry", "x": {}}',
        '{"id": "C2", "ville": null}',
        '{"id": "SECRET',
        "",
        "[1]",
        '{"id": true}',
    ]
    (tmp_path / "people.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pages = pull(source(tmp_path))
    assert rows(pages) == [("1", "Évry"), ("C2", None), ("true", None)]
    assert faults(pages) == [("people.jsonl:3", "not_a_json_object"), ("people.jsonl:5", "not_a_json_object")]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"id": [1, 2], "ville": pa.array(["a", "b"]).dictionary_encode(), "x": [1, 2]}), tmp_path / "p.parquet"
    )
    (page, _) = pull(source(tmp_path))
    assert pa.types.is_integer(page.rows.schema.field("id").type)
    assert rows([page]) == [(1, "a"), (2, "b")]


def test_the_later_name_is_read_later_and_unchanged_files_not_at_all(tmp_path: Path) -> None:
    for name, city in (("b.csv", "new"), ("a.csv", "old")):
        (tmp_path / name).write_text(f"id,ville\nC1,{city}\n", encoding="utf-8")
    pages = pull(source(tmp_path))
    assert [row for page in pages for row in page.rows["ville"].to_pylist()] == ["old", "new"]
    state = pages[-1].state
    assert rows(pull(source(tmp_path), state)) == []
    os.utime(tmp_path / "a.csv", (1, 1))  # touched, not changed
    assert rows(pull(source(tmp_path), state)) == []
    (tmp_path / "a.csv").write_text("id,ville\nC1,newer\n", encoding="utf-8")
    assert rows(pull(source(tmp_path), state)) == [("C1", "newer")]


def test_a_file_that_is_gone_is_told_of_once(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id,ville\nC1,x\n", encoding="utf-8")
    state = pull(source(tmp_path))[-1].state
    (tmp_path / "a.csv").unlink()
    last = pull(source(tmp_path), state)[-1]
    assert last.warnings == ("a.csv is gone; its records stay.",)
    assert pull(source(tmp_path), last.state)[-1].warnings == ()


def test_the_watermark_is_the_age_of_the_export_not_the_time_of_the_pull(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,ville\nC1,x\n", encoding="utf-8")
    os.utime(tmp_path / "a.csv", (1_700_000_000, 1_700_000_000))
    assert pull(source(tmp_path))[-1].watermark == 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("content", "said", "advice"),
    [
        ("id,vile\nC1,x\n", "people.csv has no column ville", "Did you mean vile?"),
        ("id,ville,ville\nC1,x,y\n", "2 columns called ville", "Rename"),
        ("identifiant\nC1\n", "has no column id", "It has: identifiant"),
    ],
)
def test_a_missing_column_is_named_with_its_file_and_a_suggestion(
    tmp_path: Path, content: str, said: str, advice: str
) -> None:
    (tmp_path / "people.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DefinitionError, match=said) as refused:
        pull(source(tmp_path))
    assert advice in refused.value.advice


def test_an_empty_file_and_one_with_a_header_alone_give_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("", encoding="utf-8")
    (tmp_path / "b.csv").write_text("id,ville\n", encoding="utf-8")
    (tmp_path / "c.jsonl").write_text("", encoding="utf-8")
    assert rows(pull(source(tmp_path))) == []


def test_no_file_at_all_and_an_unknown_ending_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="No file matches"):
        pull(source(tmp_path))
    (tmp_path / "people.xlsx").write_bytes(b"PK")
    with pytest.raises(DefinitionError, match=r"format of people\.xlsx"):
        pull(source(tmp_path))


def test_a_damaged_file_is_refused_without_quoting_it(tmp_path: Path) -> None:
    (tmp_path / "people.parquet").write_bytes(b"PAR1 SECRET PAR1")
    with pytest.raises(DefinitionError, match=r"people\.parquet cannot be read") as refused:
        pull(source(tmp_path))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_check_says_which_files_have_the_named_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,ville\n", encoding="utf-8")
    assert [one.state for one in source(tmp_path).check()] == ["ok"]
    (tmp_path / "b.csv").write_text("id\n", encoding="utf-8")
    assert [one.state for one in source(tmp_path).check()] == ["ok", "failed"]


def test_columns_may_have_any_name_and_serve_under_another(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"Identifiant ""client""";Dépensé (€)\nC1;5\n', encoding="utf-8")
    fields = {
        "id": {"key": True, "identifier": "external_id", "column": 'Identifiant "client"'},
        "spent": {"attribute": "money", "column": "Dépensé (€)"},
    }
    assert rows(pull(source(tmp_path, fields=fields)), "id", "spent") == [("C1", "5")]
