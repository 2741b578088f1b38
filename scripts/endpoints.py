"""Request, answer and errors of each endpoint, from docs/openapi.yaml into the API's pages.

    python -m scripts.endpoints [--check]

Both languages have the same table. With --check nothing is written, and a stale table is an error.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEADS = {
    "api_specification.md": ("endpoint", "request", "answer", "errors of its own"),
    "api_specification.ko.md": ("엔드포인트", "요청", "응답", "고유한 오류"),
}
BEGIN, END = "<!-- begin endpoints -->", "<!-- end endpoints -->"
PREFIX = "/api/v1/"
METHODS = ("get", "post", "patch", "put", "delete")
CODE = re.compile(r"`([a-z_]+)`(?!:)")

OF_ANY_FIELD = {
    *("blank", "empty", "invalid", "invalid_choice", "max_length", "max_string_length"),
    *("max_value", "min_value", "not_a_list", "null", "null_characters_not_allowed", "required"),
    "surrogate_characters_not_allowed",
}
OF_ANY_REQUEST = {
    *("busy", "error", "https_required", "incomplete_body", "method_not_allowed"),
    *("not_acceptable", "not_authenticated", "outcome_unknown", "parse_error"),
    *("request_timeout", "request_too_large", "throttled", "token_not_valid"),
    *("too_many_errors", "unavailable", "unknown_field", "unsupported_media_type"),
}
"""What the page says once, of all endpoints."""

Schema = dict[str, Any]


def table_of(description: Schema, head: tuple[str, ...]) -> str:
    """The table: a line for each operation, in the order of the description."""
    lines = [head, ("---",) * len(head), *rows_of(description)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rows_of(description: Schema) -> Iterator[tuple[str, ...]]:
    """Method and path, what is sent, what is answered, what may be refused."""
    schemas = description["components"]["schemas"]
    for path, operations in description["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                yield (
                    f"{method.upper()} `{path.removeprefix(PREFIX)}`",
                    _request(operation, schemas),
                    _answer(operation, schemas),
                    _errors(operation),
                )


def _request(operation: Schema, schemas: Schema) -> str:
    sent = []
    if body := operation.get("requestBody"):
        sent.append(_fields(_schema_in(body, schemas), schemas))
    given = [one for one in operation.get("parameters", []) if one["in"] != "path"]
    if query := [f"`{one['name']}`" for one in given if one["in"] == "query"]:
        sent.append("?" + ", ".join(query))
    sent += [f"`{one['name']}`" for one in given if one["in"] == "header"]
    return "; ".join(sent) or "–"


def _answer(operation: Schema, schemas: Schema) -> str:
    status, response = next(
        (status, one) for status, one in operation["responses"].items() if status[0] == "2"
    )
    schema = _schema_in(response, schemas)
    fields = _fields(schema, schemas, all_required=True)
    results = _resolved(schema.get("properties", {}).get("results", {}), schemas)
    if results:
        fields += ": " + _fields(_resolved(results["items"], schemas), schemas, all_required=True)
    return f"{status} {fields or '`{}`'}" + (", 304" if "304" in operation["responses"] else "")


def _fields(schema: Schema, schemas: Schema, *, all_required: bool = False) -> str:
    required = set(schema.get("required", ()))
    names = []
    for name, field in schema.get("properties", {}).items():
        items = _resolved(field, schemas).get("items")
        inner = _fields(_resolved(items, schemas), schemas, all_required=True) if items else ""
        optional = "" if all_required or name in required else "?"
        nested = f" ({inner})" if inner and name != "results" else ""
        names.append(f"`{name}`{optional}{nested}")
    return ", ".join(names)


def _errors(operation: Schema) -> str:
    told = []
    for status, response in operation["responses"].items():
        if status[0] not in "45":
            continue
        codes = dict.fromkeys(CODE.findall(response.get("description", "")))
        own = [code for code in codes if code not in OF_ANY_FIELD | OF_ANY_REQUEST]
        if own:
            told.append(f"{status} " + ", ".join(f"`{code}`" for code in own))
    return "; ".join(told) or "–"


def _schema_in(holder: Schema, schemas: Schema) -> Schema:
    return _resolved(next(iter(holder["content"].values()))["schema"], schemas)


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def main(arguments: list[str]) -> int:
    text = (DOCS / "openapi.yaml").read_text(encoding="utf-8")
    description = yaml.load(text, Loader=yaml.CSafeLoader)
    stale = []
    for name, head in HEADS.items():
        page = DOCS / name
        before = page.read_text(encoding="utf-8")
        part = f"{BEGIN}\n{table_of(description, head)}\n{END}"
        after = re.sub(f"{BEGIN}.*?{END}", part.replace("\\", r"\\"), before, flags=re.S)
        if after != before:
            stale.append(name)
            if "--check" not in arguments:
                page.write_text(after, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"stale: {', '.join(stale)}; run make docs and commit it.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
