from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.codec import Wire, encode_body
from protocol.errors import ErrorCode, meaning
from protocol.generate.__main__ import ROOT, main, stale
from protocol.generate.artifacts import SOURCES, artifacts
from protocol.generate.declarations import declarations
from protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, Frame
from protocol.values import MAX_TEXT
from tests.protocol.wire_strategies import structs

SOURCE = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in SOURCES)
FILES = artifacts(SOURCE, "1.2.3")
TYPESCRIPT = FILES["web_client/src/protocol/generated.ts"]
PROSE = FILES["docs/protocol.md"]
ASYNCAPI = cast("dict[str, Any]", json.loads(FILES["docs/asyncapi.json"]))
ALL = (*CLIENT_MESSAGES, *SERVER_MESSAGES)


def test_the_generated_files_are_fresh() -> None:
    assert [str(path.relative_to(ROOT)) for path in stale(ROOT)] == [], "run `python -m protocol.generate`"


def test_check_names_a_stale_file_and_exits_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pyproject.toml", *SOURCES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr("protocol.generate.__main__.ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate"])
    assert main() == 0
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    assert main() == 0
    (tmp_path / "docs/protocol.md").write_text("by hand", encoding="utf-8")
    capsys.readouterr()
    assert main() == 1
    assert "docs/protocol.md" in capsys.readouterr().out


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_message_is_in_all_three_files(cls: type[Frame]) -> None:
    tag = cls.__struct_config__.tag
    assert f'export interface {cls.__name__} {{\n  type: "{tag}";' in TYPESCRIPT
    assert f"\n### `{tag}`\n" in PROSE
    assert ASYNCAPI["components"]["messages"][cls.__name__]["name"] == tag


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_is_in_the_table_and_in_typescript(code: ErrorCode) -> None:
    means = meaning(code)
    assert f"| `{code}` | {means.text} | {means.close} | {means.http} | {means.then} |" in PROSE
    assert f'  {code}: {{ text: "{means.text}", close: {means.close}, then: "{means.then}" }},' in TYPESCRIPT


def test_a_field_with_a_default_is_optional_in_typescript() -> None:
    body = TYPESCRIPT.split("export interface SetDevices {")[1].split("}")[0]
    assert "\n  microphone: boolean;" in body
    assert "\n  closings?: number;" in body
    assert f"export const MAX_TEXT = {MAX_TEXT};" in TYPESCRIPT


def test_docstrings_of_fields_and_values_are_kept() -> None:
    declared = declarations(SOURCE)
    snapshot = next(view for view in declared.views if view.name == "Snapshot")
    assert next(f for f in snapshot.fields if f.name == "participants").doc
    following = next(enum for enum in declared.enums if enum.name == "Next")
    assert all(doc for _, doc in following.members)
    assert all(struct.doc for struct in (*declared.views, *declared.client, *declared.server))


def test_every_type_that_typescript_names_is_declared_there() -> None:
    declared = set(re.findall(r"^export (?:interface|type) (\w+)", TYPESCRIPT, re.MULTILINE))
    code = re.sub(r"/\*\*.*?\*/|\"[^\"\n]*\"", "", TYPESCRIPT, flags=re.DOTALL)
    used = set(re.findall(r"\b([A-Z][a-z]\w+)\b", code)) - {"Generated", "Record"}
    assert used <= declared


def test_links_within_the_prose_lead_somewhere() -> None:
    anchors = {title.strip("`").lower() for title in re.findall(r"^#+ (.+)$", PROSE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PROSE)) <= anchors


def test_every_reference_in_asyncapi_can_be_followed() -> None:
    references = re.findall(r'"\$ref": "#/([^"]+)"', FILES["docs/asyncapi.json"])
    assert len(references) > len(ALL)
    for reference in references:
        node: Any = ASYNCAPI
        for key in reference.split("/"):
            node = node[key]


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(max_examples=5)
def test_what_is_sent_fits_the_published_schema(cls: type[Frame], data: st.DataObject) -> None:
    schema = {"$ref": f"#/components/schemas/{cls.__name__}", "components": ASYNCAPI["components"]}
    sent = json.loads(encode_body(data.draw(structs(cls)), Wire.JSON))
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(sent)] == []
    assert not validator.is_valid(sent | {"extra": 1})
