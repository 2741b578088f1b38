"""A form of the admin acts once, however often it is sent.

Whatever a page of the admin does when its form is sent is one transaction: the change, its entries
in the admin's log, and a `SentForm` with the form's key and the answer. The key is claimed first,
so who sends the same form in the same moment waits for the outcome, and is answered with it.

What is too much for one transaction is done in parts, each a transaction that ends with how far it
came, in the place of the answer. A form that was broken off goes on from there when it is sent
again, and who sends it in the same moment shares the work.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.contrib.messages.storage import default_storage
from django.contrib.messages.storage.cookie import MessageDecoder, MessageEncoder
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from common.admin.error_page import error_page
from common.admin.form_key import FIELD, new_form_key, set_form_key
from common.api.idempotency_header import REPLAYED_HEADER
from common.db.idempotency import IdempotencyKey
from common.db.transactions import discard_transaction, run_joined
from common.errors import Busy, DomainError, OutcomeUnknown, Unavailable
from common.models import SentForm

REFUSALS = (DomainError, ValidationError)
NOT_ITS_CONTENT = {"csrfmiddlewaretoken", FIELD, "_save", "_continue", "_addanother", "seen"}
"""What a form sends besides what it says, such as the button that tells where to go afterwards."""

View = Callable[..., HttpResponse]
only_shows = method_decorator(require_safe)
"""A view that does nothing: it takes no form."""
AnyView = TypeVar("AnyView", bound=Callable[..., Any])


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


class FormHalfDone(FormOutcomeUnknown):
    """Parts of what the form asks for are done, and the next could not be."""

    message = _(
        "The shop is busy, and only a part of this is done. Send the form once more: it goes on"
        " from there."
    )


class Unfinished(HttpResponse):
    """What a view answers that did a part of what its form asks for: it is called again.

    `done_so_far` then tells it what it hands on here, which JSON must be able to say.
    """

    def __init__(self, so_far: Any) -> None:
        super().__init__()
        self.so_far = so_far


def done_so_far(request: HttpRequest) -> Any:
    """What the parts of a form that are done handed on; None before the first."""
    return getattr(request, "done_so_far", None)


def acts_by_itself(view: AnyView) -> AnyView:
    """A view that `acts_once` leaves alone: it knows by itself what it did."""
    view.acts_by_itself = True  # type: ignore[attr-defined]
    return view


def changes_session(view: AnyView) -> AnyView:
    """A view that changes the session, which can't be undone to make its page of a refusal."""
    view.shows_refusals = False  # type: ignore[attr-defined]
    return view


def refusal_of(request: HttpRequest) -> DomainError | ValidationError | None:
    """Why the form that was sent could not act, while its page is made again to say so."""
    return getattr(request, "refusal", None)


def acts_once(site: AdminSite, view: View) -> View:
    """A view of the admin whose forms act once, in one transaction each.

    A redirect says that it acted, as does the answer to a popup; a page says that it did not, and
    nothing that was written on the way to it is kept. Any other answer, such as a file, would hide
    that: a form is not answered so, whatever the view is. Of a view that is asked for its headers
    only (HEAD) nothing is kept, either.

    What the view, or a service that it calls, refuses is shown by making the page once more,
    with `refusal_of`; if it is of no view that looks at that, above the page as it is opened.
    """
    acts = not getattr(view, "acts_by_itself", False)
    shows_refusals = getattr(view, "shows_refusals", True)

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        def answer() -> HttpResponse:
            return view(request, *args, **kwargs)

        set_form_key(request, new_form_key())
        if not site.has_permission(request):
            return _done_before_signing_out(request) or answer()
        if request.method == "HEAD":
            response = _headers_only(answer)
        elif request.method != "POST" or not acts:
            response = answer()
        else:
            try:
                response = _answer_once(request, answer)
            except REFUSALS as refusal:
                return _refuse(request, answer if shows_refusals else None, refusal)
        return _with_menu(site, request, response)

    return wrapper


def _answer_once(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    sent = _identify(request)
    response = _act(request, view, sent, may_be_new=True)
    while isinstance(response, Unfinished):
        try:
            response = _act(request, view, sent, may_be_new=False)
        except (Busy, Unavailable, OutcomeUnknown) as error:
            raise FormHalfDone from error
    if done_so_far(request) is not None and _Answer.of(request, response) is None:
        SentForm.objects.filter(key=sent.key).delete()  # refused in the end: it may be sent again
    return response


def _act(
    request: HttpRequest, view: Callable[[], HttpResponse], sent: IdempotencyKey, may_be_new: bool
) -> HttpResponse:
    """What a form is answered, or `Unfinished` after a part of what it asks for."""

    def work(is_new: bool) -> HttpResponse:
        found = SentForm.objects.select_for_update().filter(key=sent.key)
        claim = None if is_new else found.first()
        if claim is None:
            claim = SentForm.objects.create(key=sent.key, body=sent.body)
        if claim.body != sent.body:
            raise FormSentBefore
        earlier = _Answer.kept_in(claim)
        if earlier and earlier.so_far is None:
            response = earlier.give_again(request)
            response[REPLAYED_HEADER] = "true"
            return response
        request.done_so_far = earlier and earlier.so_far  # type: ignore[attr-defined]
        _forget_messages(request)
        response = view()
        answer = _Answer.of(request, response)
        if answer is None:
            discard_transaction()
            if response.status_code < 400 and not isinstance(response, TemplateResponse):
                return HttpResponseNotAllowed(["GET", "HEAD"])
        else:
            claim.answer = answer.to_json()
            claim.save(update_fields=["answer"])
        return response

    try:
        return run_joined(lambda: work(is_new=may_be_new))
    except IntegrityError:
        # It was sent before, or something unique was taken in the same moment: now that is found.
        return run_joined(lambda: work(is_new=False))


def _done_before_signing_out(request: HttpRequest) -> HttpResponse | None:
    """The answer to a form that acted and is sent again without the session it was sent in."""
    if request.method != "POST" or not request.POST.get(FIELD):
        return None
    claim = SentForm.objects.filter(key=_identify(request).key).first()
    earlier = _Answer.kept_in(claim) if claim else None
    return earlier.give_once_signed_in(request) if earlier and earlier.so_far is None else None


def _headers_only(view: Callable[[], HttpResponse]) -> HttpResponse:
    def work() -> HttpResponse:
        response = view()
        discard_transaction()
        return response

    response: Any = run_joined(work)
    if response.streaming:
        response.streaming_content = ()
    return response  # type: ignore[no-any-return]


def _with_menu(site: AdminSite, request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return response
    told = (
        _now("Nothing can be sent to this page"),
        _now("Nothing was done. Open the page by its link instead."),
    )
    page = error_page(site, request, response.status_code, *told)
    page["Allow"] = response["Allow"]
    return page


def _identify(request: HttpRequest) -> IdempotencyKey:
    said = {
        name: values
        for name, values in request.POST.lists()
        if name not in NOT_ITS_CONTENT and not name.startswith("initial-")  # what its page showed
    }
    key = request.POST.get(FIELD) or new_form_key()
    # With the key, which is random and kept nowhere: no password is guessed from what is kept.
    body = {"who": request.user.pk, "where": request.path, "what": said, "key": key}
    return IdempotencyKey.of(key, body)


def _refuse(
    request: HttpRequest,
    view: Callable[[], HttpResponse] | None,
    refusal: DomainError | ValidationError,
) -> HttpResponse:
    if isinstance(refusal, OutcomeUnknown):
        if not isinstance(refusal, FormHalfDone):
            refusal = FormOutcomeUnknown()
        set_form_key(request, request.POST.get(FIELD) or new_form_key())
    request.refusal = refusal  # type: ignore[attr-defined]
    page = _without_acting(request, view) if view else None
    if page:
        return page
    _forget_messages(request)
    text = (
        refusal.items[0].detail if isinstance(refusal, DomainError) else " ".join(refusal.messages)
    )
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
    so_far: Any = None
    """What is handed on to the next part, while there is one."""

    @classmethod
    def kept_in(cls, claim: SentForm) -> "_Answer | None":
        return cls(**json.loads(claim.answer, cls=MessageDecoder)) if claim.answer else None

    @classmethod
    def of(cls, request: HttpRequest, response: HttpResponse) -> "_Answer | None":
        """The answer, if it says that the form acted."""
        if isinstance(response, Unfinished):
            return cls("", "", [], response.so_far)
        context = getattr(response, "context_data", None) or {}
        popup = context.get("popup_response_data", "")
        if not isinstance(response, HttpResponseRedirect) and not popup:
            return None
        said = list(request._messages._queued_messages)  # type: ignore[attr-defined]
        return cls(response.get("Location", ""), popup, said)

    def to_json(self) -> str:
        return json.dumps(
            {name: getattr(self, name) for name in self.__slots__}, cls=MessageEncoder
        )

    def give_once_signed_in(self, request: HttpRequest) -> HttpResponse:
        """What the form did is told to who signs in; to anybody with the form, that it acted."""
        request.session.modified = False  # it is over, and a newer one may have its place
        text = _now(
            "This form was sent before, and was done. Sign in to see it; if you set your own"
            " password, with the new one."
        )
        messages.success(request, text)
        return redirect_to_login(self.location or reverse("admin:index"), reverse("admin:login"))

    def give_again(self, request: HttpRequest) -> HttpResponse:
        _forget_messages(request)
        if not request.session.exists(
            request.session.session_key or ""
        ):  # ended by what the form did
            return self.give_once_signed_in(request)
        unread = request._messages._loaded_messages  # type: ignore[attr-defined]
        for said in self.messages:
            if said not in unread:
                messages.add_message(request, said.level, said.message, said.extra_tags)
        if self.location:
            return HttpResponseRedirect(self.location)
        context = {"popup_response_data": self.popup}
        return TemplateResponse(request, "admin/popup_response.html", context)
