"""What in the API's description breaks clients of the last release.

    python -m scripts.compatibility [RELEASED CURRENT]

Clients of before send what they knew, and read what they knew: a request may take more than it did
and no less; an answer may have more fields than it had, and no fewer, and no values that nobody
expected. These are oasdiff's rules for what it calls errors, as far as this API has what they are
about. docs/compatibility.md says the same to people.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parent.parent / "docs"
RELEASED, CURRENT = DOCS / "openapi-released.yaml", DOCS / "openapi.yaml"

Schema = dict[str, Any]
METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "minLength", "minItems", "minProperties")

ACCEPTED = {
    # what is found (regex): why it breaks nobody. To be emptied with each release.
    r"auth/signup/: body\.username: the pattern was": "the same names, told in every dialect",
    r"body\.(username|password|refresh): the pattern \S+ is new": "it was refused before, too",
    r"body\.email: must be a email": "it was refused before, too",
    r"query cursor: the pattern \^\[A-Za-z0-9_-\]\+\$ is new": "the shop makes no others",
    r"query page_size: maximum 100 is new": "more is still taken for 100",
    r"query in_stock: takes no string": "true and false are written alike",
    r"query (category|search): \S+ .*is new": "it was refused before, too",
    r"Idempotency-Key: the pattern was": "it takes more than it did",
}
"""What the last release's description left open and its server refused, or still takes."""


def breaks(released: Schema, current: Schema) -> list[str]:
    """What breaks clients of `released`, a sentence each; [] when nothing does."""
    return list(dict.fromkeys(_Comparison(released, current).run()))


class _Comparison:
    """Of two descriptions; each has its own components."""

    def __init__(self, released: Schema, current: Schema) -> None:
        self.released = released
        self.current = current

    def run(self) -> Iterator[str]:
        for path, methods in self.released["paths"].items():
            for method in METHODS & methods.keys():
                place = f"{method.upper()} {path}"
                operation = self.current["paths"].get(path, {}).get(method)
                if operation is None:
                    yield f"{place}: is gone"
                else:
                    yield from self._operation(place, methods[method], operation)

    def _operation(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{place}: was called {old['operationId']}"
        if {} in old.get("security", [{}]) and {} not in new.get("security", [{}]):
            yield f"{place}: needs a token"
        yield from self._parameters(place, _parameters(old), _parameters(new))
        yield from self._body(place, old.get("requestBody"), new.get("requestBody"))
        for status, answer in old["responses"].items():
            yield from self._answer(f"{place} → {status}", status, answer, new["responses"])

    def _parameters(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        for name, parameter in old.items():
            if name not in new:
                yield f"{place}: {name} is gone"
            else:
                yield from self._taken(f"{place}: {name}", parameter["schema"], new[name]["schema"])
        for name, parameter in new.items():
            if parameter.get("required") and not old.get(name, {}).get("required"):
                yield f"{place}: {name} is required"

    def _body(self, place: str, old: Schema | None, new: Schema | None) -> Iterator[str]:
        if old is None:
            if new is not None and new.get("required"):
                yield f"{place}: a body is required"
            return
        if new is None:
            yield f"{place}: takes no body any more"
            return
        for media, content in old["content"].items():
            if media not in new["content"]:
                yield f"{place}: takes no {media} any more"
            else:
                yield from self._taken(
                    f"{place}: body", content["schema"], new["content"][media]["schema"]
                )

    def _answer(self, place: str, status: str, old: Schema, answers: Schema) -> Iterator[str]:
        new = answers.get(status)
        if new is None:
            if status < "400":  # which errors there are is open
                yield f"{place}: is gone"
            return
        for name in old.get("headers", {}):
            if name not in new.get("headers", {}):
                yield f"{place}: header {name} is gone"
        for media, content in old.get("content", {}).items():
            if media not in new.get("content", {}):
                yield f"{place}: {media} is gone"
            else:
                values_are_open = status >= "400"
                schema = new["content"][media]["schema"]
                yield from self._given(place, content["schema"], schema, values_are_open)

    # --- What is sent: the new one takes all that the old one took -------------------------------

    def _taken(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        old, new = _resolved(old, self.released), _resolved(new, self.current)
        branches = _branches(new)
        for branch in _branches(old):
            found = [list(self._taken_as(place, branch, one)) for one in branches]
            if all(found):
                yield from min(found, key=len)

    def _taken_as(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        old, new = _resolved(old, self.released), _resolved(new, self.current)
        if fewer := _types(old) - _types(new):
            yield f"{place}: takes no {' or '.join(sorted(fewer))} any more"
        if missing := _values(old, new):
            yield f"{place}: takes {missing} no more"
        yield from _narrower(place, old, new)
        if "items" in old and "items" in new:
            yield from self._taken(f"{place}[]", old["items"], new["items"])
        before, now = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name in now:
                yield from self._taken(f"{place}.{name}", schema, now[name])
            elif new.get("additionalProperties") is False:
                yield f"{place}.{name}: is not known any more"
        for name in set(new.get("required", ())) - set(old.get("required", ())):
            yield f"{place}.{name}: is required"

    # --- What is answered: the new one answers nothing that the old one did not ------------------

    def _given(self, place: str, old: Schema, new: Schema, is_open: bool) -> Iterator[str]:
        old, new = _resolved(old, self.released), _resolved(new, self.current)
        branches = _branches(old)
        for branch in _branches(new):
            found = [list(self._given_as(place, one, branch, is_open)) for one in branches]
            if all(found):
                yield from min(found, key=len)

    def _given_as(self, place: str, old: Schema, new: Schema, is_open: bool) -> Iterator[str]:
        old, new = _resolved(old, self.released), _resolved(new, self.current)
        if more := _types(new) - _types(old):
            yield f"{place}: may be {' or '.join(sorted(more))}"
        if not is_open and (added := _values(new, old)):
            yield f"{place}: may be {added}"
        if not is_open:
            yield from _wider(place, old, new)
        if "items" in old and "items" in new:
            yield from self._given(f"{place}[]", old["items"], new["items"], is_open)
        before, now = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name not in now:
                yield f"{place}.{name}: is gone"
            else:
                yield from self._given(f"{place}.{name}", schema, now[name], is_open)
        for name in set(old.get("required", ())) - set(new.get("required", ())):
            if name in now:
                yield f"{place}.{name}: may be missing"


def _narrower(place: str, old: Schema, new: Schema) -> Iterator[str]:
    """The bounds of `new` within those of `old`."""
    for word in UPPER:
        if word in new and (word not in old or new[word] < old[word]):
            was = f"was {old[word]}" if word in old else "is new"
            yield f"{place}: {word} {new[word]} {was}"
    for word in LOWER:
        if word in new and (word not in old or new[word] > old[word]):
            was = f"was {old[word]}" if word in old else "is new"
            yield f"{place}: {word} {new[word]} {was}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        is_new = "pattern" not in old
        yield f"{place}: the pattern " + (
            f"{new['pattern']} is new" if is_new else f"was {old['pattern']}"
        )
    if _format(new) and _format(new) != _format(old):
        yield f"{place}: must be a {new['format']}"


def _wider(place: str, old: Schema, new: Schema) -> Iterator[str]:
    """The bounds of `new` outside of those of `old`."""
    for word in UPPER:
        if word in old and (word not in new or new[word] > old[word]):
            yield f"{place}: {word} was {old[word]}"
    for word in LOWER:
        if word in old and (word not in new or new[word] < old[word]):
            yield f"{place}: {word} was {old[word]}"
    if _format(old) and _format(new) != _format(old):
        yield f"{place}: was a {old['format']}"


def _format(schema: Schema) -> str | None:
    """What a text must look like; of numbers the bounds say it."""
    return schema.get("format") if "string" in _types(schema) else None


def _types(schema: Schema) -> set[str]:
    declared = schema.get("type", ())
    return {declared} if isinstance(declared, str) else set(declared)


def _values(narrow: Schema, wide: Schema) -> str:
    """The values of one that the other doesn't have, as words; "" when there are none."""
    if "enum" not in wide:
        return ""
    if "enum" not in narrow:
        return "other values than " + ", ".join(map(str, wide["enum"]))
    return ", ".join(str(value) for value in narrow["enum"] if value not in wide["enum"])


def _branches(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or [schema]


def _resolved(schema: Schema, description: Schema) -> Schema:
    while "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _parameters(operation: Schema) -> dict[str, Schema]:
    return {f"{one['in']} {one['name']}": one for one in operation.get("parameters", [])}


def main(released: Path = RELEASED, current: Path = CURRENT) -> int:
    """Print what breaks clients; 1 if anything does that is not accepted."""
    found = breaks(yaml.safe_load(released.read_text()), yaml.safe_load(current.read_text()))
    unexplained = [one for one in found if not any(re.search(why, one) for why in ACCEPTED)]
    for one in unexplained:
        print(f"breaks clients of the last release: {one}", file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
