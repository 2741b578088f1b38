"""What groups and permissions are called, in the language of the moment."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext_noop as _noop

from common.admin.told import Told, Value, told_label

GROUPS = {_noop("shop manager"), _noop("support"), _noop("analyst")}
"""The groups that every shop begins with; others are called as the shop calls them."""

WITHOUT_PAGES = {
    *(_noop("access attempt"), _noop("access attempt expiration"), _noop("access failure")),
    *(_noop("access log"), _noop("turn")),
}
"""Kinds of rows that are seen in the list of permissions only, and name themselves in English."""

ACTIONS = {
    "add": _noop("%(what)s: add"),
    "change": _noop("%(what)s: change"),
    "delete": _noop("%(what)s: delete"),
    "view": _noop("%(what)s: view"),
}


def told_access(given: Group | Permission) -> Value:
    """The name of a group or a permission, for readers of each language."""
    if isinstance(given, Group):
        return Told(given.name) if given.name in GROUPS else str(given.name)
    model = given.content_type.model_class()
    text = ACTIONS.get(given.codename.partition("_")[0])
    if model is None or text is None:
        return str(given.name)
    return Told(text, {"what": told_label(model._meta.verbose_name or "")})


class AccessField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Groups or permissions to choose from."""

    def told_of(self, given: Any) -> Value:
        return told_access(given)

    def label_from_instance(self, given: Any) -> str:
        return str(told_access(given))
