"""What the services of this app refuse."""

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError


class EventsGone(DomainError):
    status = 410
    code = "events_gone"
    message = _("What came after this event is removed by now. Begin anew, with after=0.")


class SecretShown(DomainError):
    code = "secret_shown"
    message = _("This secret was shown already. Make a new one if it is lost.")


class NotPending(DomainError):
    code = "not_pending"
    message = _("It is not to be delivered any more.")


class NotSwitchedOff(DomainError):
    code = "not_switched_off"
    message = _("It is not switched off.")
