"""The table of endpoints in the API's pages: what it says of a description."""

import yaml

from scripts.endpoints import BEGIN, END, HEADS, main, rows_of

ANSWER = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
SCHEMAS = {
    "Page": {"properties": {"next": {}, "results": {"items": {"$ref": "#/components/schemas/O"}}}},
    "O": {"properties": {"id": {}, "lines": {"items": {"properties": {"n": {}}}}}, "required": []},
}


def description(**operation):
    return {
        "paths": {"/api/v1/things/{id}/": {"parameters": [], "post": operation}},
        "components": {"schemas": SCHEMAS},
    }


def test_a_line_has_fields_parameters_answers_and_what_is_not_said_of_all():
    whole = description(
        parameters=[
            {"name": "id", "in": "path"},
            {"name": "since", "in": "query"},
            {"name": "Idempotency-Key", "in": "header"},
        ],
        requestBody={
            "content": {
                "application/json": {
                    "schema": {"properties": {"a": {}, "b": {}}, "required": ["a"]}
                }
            }
        },
        responses={
            "201": ANSWER,
            "304": {"description": "Unchanged."},
            "400": {"description": "`invalid`\n- `a`: `null`, `odd`\n- `odd_field`: `odd`"},
            "503": {"description": "`busy`"},
        },
    )
    assert list(rows_of(whole)) == [
        (
            "POST `things/{id}/`",
            "`a`, `b`?; ?`since`; `Idempotency-Key`",
            "201 `next`, `results`: `id`, `lines` (`n`), 304",
            "400 `odd`",
        )
    ]


def test_nothing_to_say_is_a_dash():
    nothing = {"content": {"application/json": {"schema": {}}}}
    whole = description(responses={"200": nothing, "404": {"description": "`error`"}})
    assert list(rows_of(whole)) == [("POST `things/{id}/`", "–", "200 `{}`", "–")]


def test_a_stale_page_is_told_and_left_alone(monkeypatch, tmp_path, capsys):
    whole = description(responses={"201": ANSWER})
    (tmp_path / "openapi.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    for name in HEADS:
        (tmp_path / name).write_text(f"before\n{BEGIN}\n{END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr("scripts.endpoints.DOCS", tmp_path)
    assert main(["--check"]) == 1
    assert "api_specification.md, api_specification.ko.md" in capsys.readouterr().err
    page = tmp_path / "api_specification.ko.md"
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{END}\nafter\n"
    assert main([]) == 0
    assert "\n| POST `things/{id}/` | – | 201 `next`" in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").endswith(f"\n{END}\nafter\n")
    assert main(["--check"]) == 0
