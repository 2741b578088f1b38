"""What schemathesis loads: its checks as they are, but for the refusals that are explained here.

A description says which requests are well formed, and not what is in the shop. So a well-formed
request may be refused for what only the shop knows; which refusals these are is told by name.
Whatever else is refused although the description allows it is a failure.
"""

import re
from typing import Any

import schemathesis
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

EXPLAINED = {
    # error code, and where it is told (regex): why no description could tell it beforehand
    ("unique", "username"): "another member has the name, or one that looks like it",
    (
        "does_not_exist",
        r"items\.\d+\.product|coupon",
    ): "it is not in the shop, or not this member's",
    ("invalid_choice", "category"): "the slugs are those of the shop's categories",
    ("invalid", "cursor"): "opaque: only the shop makes cursors, each for one list and ordering",
    ("invalid", "cursor|ordering"): "not together with `ids`, which says so in words",
    ("too_many_errors", None): "more of the same than an answer lists",
    ("password_incorrect", "current_password"): "only the member knows it",
    ("password_too_short", "(new_)?password"): "how strong a password is depends on all of it",
    ("password_too_common", "(new_)?password"): "it is in a list of 20,000",
    ("password_entirely_numeric", "(new_)?password"): "how strong it is depends on all of it",
    ("password_too_similar", "(new_)?password"): "compared with the name and the address",
    ("invalid", "username"): "which letters look alike is more than a pattern can say",
    ("idempotency_key_reused", None): "the key came before, with another body",
}


def _is_explained(error: dict[str, Any]) -> bool:
    return any(
        error["code"] == code
        and (error["attr"] is None if place is None else re.fullmatch(place, error["attr"] or ""))
        for code, place in EXPLAINED
    )


@schemathesis.check
def well_formed_requests_are_accepted(ctx: Any, response: Any, case: Any) -> bool | None:
    """schemathesis' own `positive_data_acceptance`, for all that is not explained."""
    if response.status_code in (400, 422) and all(map(_is_explained, response.json()["errors"])):
        return None
    result: bool | None = positive_data_acceptance(ctx, response, case)
    return result


LARGEST = {"page_size": 100, "min_price": 2**63 - 1, "max_price": 2**63 - 1}
"""The largest numbers that a client has use for; larger ones are as good as these.

Who asks for a larger page gets the largest (ADR 15); no price is as high as the largest integer of
64 bits, so that a bound above it is one like any other.
"""


@schemathesis.check
def malformed_requests_are_refused(ctx: Any, response: Any, case: Any) -> bool | None:
    """schemathesis' own `negative_data_rejection`, but for numbers beyond the `LARGEST`."""
    sent = {name: str((case.query or {}).get(name, "")) for name in LARGEST}
    if response.status_code == 200 and any(
        text.isdecimal() and int(text) > LARGEST[name] for name, text in sent.items()
    ):
        return None
    result: bool | None = negative_data_rejection(ctx, response, case)
    return result
