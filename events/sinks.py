"""Where the relay brings events to.

`EVENT_SINK` names the class. docs/events.md shows how a broker takes the webhooks' place.
"""

from types import TracebackType
from typing import Protocol, Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events.models import Endpoint, Event
from events.services import Answer


class Sink(Protocol):
    """Brings one event to one endpoint. It is used in one event loop, by many at a time."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def send(self, endpoint: Endpoint, event: Event) -> Answer:
        """Tell the endpoint, within `SEND_SECONDS`; a failure is an answer too, never an error."""
        ...


def sink_class() -> type[Sink]:
    """The class that `EVENT_SINK` names.

    Raises:
        ImproperlyConfigured: there is no such class.
    """
    try:
        found: type[Sink] = import_string(settings.EVENT_SINK)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"EVENT_SINK is {settings.EVENT_SINK!r}; it can't be imported: {error}."
        ) from error
    if not isinstance(found, type):
        raise ImproperlyConfigured(f"EVENT_SINK is {settings.EVENT_SINK!r}; that is no class.")
    return found


def make_sink() -> Sink:
    """A sink of the class that `EVENT_SINK` names.

    Raises:
        ImproperlyConfigured: there is no such class.
    """
    return sink_class()()
