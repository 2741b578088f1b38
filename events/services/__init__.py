"""Every write of this app, by trade: recording, the log, deliveries, endpoints; what waits."""

from events.services.deliveries import (
    Answer,
    Lane,
    Sent,
    endpoints_with_work,
    exchange,
    send_again,
    set_aside,
)
from events.services.endpoints import (
    change_endpoint,
    create_endpoint,
    replace_secret,
    show_secret,
    switch_on_again,
)
from events.services.log import latest_position, read_log, remove_old_events, take_in
from events.services.recording import Facts, as_json, forget_who_listens, kinds_heard, record
from events.services.waiting import Waiting, waiting_for_a_place, waiting_for_delivery
