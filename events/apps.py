from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

OWN_SINK = "events.webhooks.Webhooks"


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = _("Events")

    def ready(self) -> None:
        """Raises ImproperlyConfigured where `EVENT_SINK` names no class.

        Else the relay would be the first to say so, when events wait already.
        """
        if settings.EVENT_SINK != OWN_SINK:  # no server needs what that one imports
            from events.sinks import sink_class  # noqa: PLC0415  it imports the models

            sink_class()
