"""Who can let somebody of the staff do more."""

from django.utils.translation import gettext as _

from users.models import User

NAMED_MAX = 3


def whom_to_ask() -> str:
    """A sentence that names who gives permissions, the first few of them."""
    superusers = User.objects.filter(is_superuser=True, is_active=True, is_staff=True)
    names = list(superusers.order_by("pk").values_list("username", flat=True)[:NAMED_MAX])
    if not names:
        return _("Ask whoever runs the server to let you.")
    return _("If you need to, ask to be put into a group that may: %(names)s.") % {
        "names": ", ".join(names)
    }
