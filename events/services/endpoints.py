"""Every write of staff to endpoints."""

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from django.utils import timezone

from common.db.transactions import after_commit, run_transaction
from events.errors import NotSwitchedOff, SecretShown
from events.models import Endpoint, new_secret
from events.services.deliveries import give_another_chance
from events.services.log import latest_position
from events.services.recording import forget_who_listens

CHANGEABLE = frozenset({"name", "url", "kinds", "is_active"})
OLD_SECRET_GOES_ON = timedelta(hours=24)
"""How long requests are signed with the secret before, too."""


def create_endpoint(
    *, name: str, kinds: Collection[str], url: str = "", is_active: bool = True
) -> Endpoint:
    """Have somebody told of what happens from now on; without an address, by the feed.

    Raises:
        django.core.exceptions.ValidationError: a value is out of its bounds.
    """
    endpoint = Endpoint(name=name, kinds=list(kinds), url=url, is_active=is_active)
    endpoint.clean_fields(exclude={"kinds"})

    def work() -> Endpoint:
        endpoint.pk = None
        _listen_from_now_on(endpoint)
        endpoint.save(force_insert=True)
        after_commit(forget_who_listens)
        return endpoint

    def find_again() -> Endpoint | None:
        return Endpoint.objects.filter(secret=endpoint.secret).first()

    return run_transaction(work, find_again=find_again)


def change_endpoint(*, endpoint_id: int, **changes: Any) -> Endpoint:
    """Change an endpoint. One that is switched on hears of what happens from now on.

    Raises:
        django.core.exceptions.ValidationError: a value is out of its bounds.
        Endpoint.DoesNotExist: there is no such endpoint.
        TypeError: a field that is not changed this way.
    """
    if foreign := changes.keys() - CHANGEABLE:
        raise TypeError(f"not changed this way: {', '.join(sorted(foreign))}")

    def change(endpoint: Endpoint) -> None:
        was_active = endpoint.is_active
        for name, value in changes.items():
            setattr(endpoint, name, value)
        endpoint.clean_fields(exclude={"kinds"})
        if endpoint.is_active and not was_active:
            _listen_from_now_on(endpoint)
        if {"is_active", "url"} & changes.keys():
            _forget_failures(endpoint)

        after_commit(forget_who_listens)

    return _change(endpoint_id, change)


def switch_on_again(*, endpoint_id: int) -> Endpoint:
    """Go on with an endpoint that had only failed, from where it was left.

    Raises:
        NotSwitchedOff: it is not switched off.
        Endpoint.DoesNotExist: there is no such endpoint.
    """

    def change(endpoint: Endpoint) -> None:
        if endpoint.switched_off_at is None:
            raise NotSwitchedOff
        _forget_failures(endpoint)

    return _change(endpoint_id, change, is_done=lambda one: one.switched_off_at is None)


def show_secret(*, endpoint_id: int) -> str:
    """The secret of an endpoint, the first time; it can't be seen a second time.

    Raises:
        SecretShown: it was shown already.
        Endpoint.DoesNotExist: there is no such endpoint.
    """
    now = timezone.now()

    def change(endpoint: Endpoint) -> None:
        if endpoint.secret_shown_at is not None:
            raise SecretShown
        endpoint.secret_shown_at = now

    shown = _change(endpoint_id, change, is_done=lambda one: one.secret_shown_at == now)
    return str(shown.secret)


def replace_secret(*, endpoint_id: int) -> Endpoint:
    """Give an endpoint another secret. The one before signs, too, for `OLD_SECRET_GOES_ON`.

    Raises:
        Endpoint.DoesNotExist: there is no such endpoint.
    """
    secret = new_secret()

    def change(endpoint: Endpoint) -> None:
        endpoint.old_secret = endpoint.secret
        endpoint.old_secret_until = timezone.now() + OLD_SECRET_GOES_ON
        endpoint.secret, endpoint.secret_shown_at = secret, None

    return _change(endpoint_id, change, is_done=lambda one: one.secret == secret)


def _listen_from_now_on(endpoint: Endpoint) -> None:
    endpoint.position, endpoint.listens_since = latest_position(), timezone.now()


def _forget_failures(endpoint: Endpoint) -> None:
    endpoint.switched_off_at = endpoint.failing_since = endpoint.paused_until = None
    endpoint.failures = 0
    give_another_chance(endpoint)


def _change(
    endpoint_id: int,
    change: Callable[[Endpoint], None],
    is_done: Callable[[Endpoint], bool] = lambda endpoint: False,
) -> Endpoint:
    """Change a locked endpoint; after a lost commit, not again what `is_done`."""
    locked = Endpoint.objects.select_for_update()

    def work() -> Endpoint:
        endpoint = locked.get(pk=endpoint_id)
        change(endpoint)
        endpoint.save()
        return endpoint

    def find_again() -> Endpoint | None:
        endpoint = locked.get(pk=endpoint_id)
        return endpoint if is_done(endpoint) else None

    return run_transaction(work, find_again=find_again)
