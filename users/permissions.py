"""Who of the staff may ask the API for what is no member's own."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from users.access import ensure_may_act
from users.authentication import access_of
from users.models import User


class StaffMay(BasePermission):
    """Staff with the permission that the view names, as of this moment, in a session that goes on.

    The token says who asks; whether they are still staff, the database does. Who may not sign in
    any more, and whose session is over, is told so (401) and not that a permission lacks.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        if request.method == "OPTIONS":  # tells nothing but the names of things
            return True
        user = User.objects.filter(pk=request.user.pk).first()
        user = ensure_may_act(user, access_of(request))
        return user.is_staff and user.has_perm(view.staff_permission)
