"""The Idempotency-Key header of requests, and what answers say of it."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from common.db.idempotency import IdempotencyKey, Outcome

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")
DESCRIBED = r'^([!-~]{1,255}|"[!#-\[\]-~]{254,255}")$'
"""The same for clients; as long a key also in quotes."""
QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')
"""A string of structured fields (RFC 9651, 3.3.3), as which the IETF's draft has the header."""


def read_idempotency_key(request: Request, body: Mapping[str, Any]) -> IdempotencyKey | None:
    """The request's key with its validated `body`, or None when the client sent no key.

    In double quotes it is the same key as without.

    Raises:
        ValidationError: the key is not 1 to 255 visible ASCII characters.
    """
    sent = request.headers.get(HEADER)
    if sent is None:
        return None
    if quoted := QUOTED.fullmatch(sent):
        sent = re.sub(r"\\(.)", r"\1", quoted[1])
    if not VISIBLE_ASCII.fullmatch(sent):
        detail = ErrorDetail(
            str(_("It must be 1 to 255 visible ASCII characters.")), code="invalid"
        )
        raise serializers.ValidationError({HEADER: [detail]})
    return IdempotencyKey.of(sent, body)


def mark_replayed(response: Response, outcome: Outcome[Any]) -> Response:
    """Say in the answer that it repeats an earlier one."""
    if outcome.replayed:
        response[REPLAYED_HEADER] = "true"
    return response
