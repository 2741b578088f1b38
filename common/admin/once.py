"""A form of the admin acts once, however often it is sent.

Whatever a page of the admin does when its form is sent is one transaction: the change, its entries
in the admin's log, and a `SentForm` with the form's key and the answer. The key is claimed first,
so who sends the same form in the same moment waits for the outcome, and is answered with it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages.storage import default_storage
from django.contrib.messages.storage.cookie import MessageDecoder, MessageEncoder
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from common.admin.form_key import FIELD, new_form_key, set_form_key
from common.api.idempotency_header import REPLAYED_HEADER
from common.db.idempotency import IdempotencyKey
from common.db.transactions import discard_transaction, run_joined
from common.errors import DomainError, OutcomeUnknown
from common.models import SentForm

REFUSALS = (DomainError, ValidationError)
NOT_ITS_CONTENT = {"csrfmiddlewaretoken", FIELD, "_save", "_continue", "_addanother", "seen"}
"""What a form sends besides what it says, such as the button that tells where to go afterwards."""

View = Callable[..., HttpResponse]


class FormSentBefore(DomainError):
    """The form acted already, with other values."""

    code = "form_sent_before"
    message = _(
        "This form was sent before, with other values, and did what it said then. Nothing was"
        " changed now. If you want this as well, send it once more."
    )


class FormOutcomeUnknown(OutcomeUnknown):
    """As `OutcomeUnknown`, in the words of who has the form before them."""

    message = _(
        "The answer of the database was lost: this may or may not have been done. Send the form"
        " once more; what was done already is not done again."
    )


def refusal_of(request: HttpRequest) -> DomainError | ValidationError | None:
    """Why the form that was sent could not act, while its page is made again to say so."""
    return getattr(request, "refusal", None)


def acts_once(site: AdminSite, view: View, *, shows_refusals: bool = True) -> View:
    """A view of the admin whose forms act once, in one transaction each.

    A redirect says that it acted, as does the answer to a popup; a page says that it did not.
    What the view, or a service that it calls, refuses is shown by making the page once more,
    with `refusal_of`; if it is of no view that looks at that, above the page as it is opened.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        set_form_key(request, new_form_key())
        if request.method != "POST" or not site.has_permission(request):
            return view(request, *args, **kwargs)

        def answer() -> HttpResponse:
            return view(request, *args, **kwargs)

        try:
            return _answer_once(request, answer)
        except REFUSALS as refusal:
            return _refuse(request, answer if shows_refusals else None, refusal)

    return wrapper


def _answer_once(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    sent = _identify(request)

    def work() -> HttpResponse:
        claim = SentForm.objects.create(key=sent.key, body=sent.body)
        _forget_messages(request)
        response = view()
        answer = _Answer.of(request, response)
        if answer is None:
            discard_transaction()
        else:
            claim.answer = answer.to_json()
            claim.save(update_fields=["answer"])
        return response

    try:
        return run_joined(work)
    except IntegrityError:
        if earlier := SentForm.objects.filter(key=sent.key).first():
            return _repeat(request, earlier, sent)
        # Something unique was taken in the same moment; now the form finds it, and says so.
        return run_joined(work)


def _identify(request: HttpRequest) -> IdempotencyKey:
    said = {
        name: values
        for name, values in request.POST.lists()
        if name not in NOT_ITS_CONTENT and not name.startswith("initial-")  # what its page showed
    }
    body = {"who": request.user.pk, "where": request.path, "what": said}
    return IdempotencyKey.of(request.POST.get(FIELD) or new_form_key(), body)


def _repeat(request: HttpRequest, earlier: SentForm, sent: IdempotencyKey) -> HttpResponse:
    if earlier.body != sent.body:
        raise FormSentBefore
    response = _Answer(**json.loads(earlier.answer, cls=MessageDecoder)).give_again(request)
    response[REPLAYED_HEADER] = "true"
    return response


def _refuse(
    request: HttpRequest,
    view: Callable[[], HttpResponse] | None,
    refusal: DomainError | ValidationError,
) -> HttpResponse:
    if isinstance(refusal, OutcomeUnknown):
        refusal = FormOutcomeUnknown()
        set_form_key(request, request.POST.get(FIELD) or new_form_key())
    request.refusal = refusal  # type: ignore[attr-defined]
    page = _without_acting(request, view) if view else None
    if page:
        return page
    _forget_messages(request)
    text = refusal.items[0].detail if isinstance(refusal, DomainError) else refusal.messages[0]
    messages.error(request, text)
    return HttpResponseRedirect(request.get_full_path())


def _without_acting(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse | None:
    """The page that a view makes of a refusal. What a view does that makes none is undone."""

    def work() -> HttpResponse:
        _forget_messages(request)
        response = view()
        discard_transaction()
        return response

    response = run_joined(work)
    return response if _Answer.of(request, response) is None else None


def _forget_messages(request: HttpRequest) -> None:
    """Forget what an attempt that was undone wanted to tell."""
    request._messages = default_storage(request)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is answered to a form that acted: where to go, and what is said there."""

    location: str
    popup: str
    """What a popup hands to the page that opened it."""
    messages: list[Any]

    @classmethod
    def of(cls, request: HttpRequest, response: HttpResponse) -> "_Answer | None":
        """The answer, if it says that the form acted."""
        context = getattr(response, "context_data", None) or {}
        popup = context.get("popup_response_data", "")
        if not isinstance(response, HttpResponseRedirect) and not popup:
            return None
        said = list(request._messages._queued_messages)  # type: ignore[attr-defined]
        return cls(response.get("Location", ""), popup, said)

    def to_json(self) -> str:
        fields = {"location": self.location, "popup": self.popup, "messages": self.messages}
        return json.dumps(fields, cls=MessageEncoder)

    def give_again(self, request: HttpRequest) -> HttpResponse:
        _forget_messages(request)
        unread = request._messages._loaded_messages  # type: ignore[attr-defined]
        for said in self.messages:
            if said not in unread:
                messages.add_message(request, said.level, said.message, said.extra_tags)
        if self.location:
            return HttpResponseRedirect(self.location)
        context = {"popup_response_data": self.popup}
        return TemplateResponse(request, "admin/popup_response.html", context)
