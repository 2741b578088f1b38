"""What a server of several processes tells of itself, as one."""

import json
import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "a-token-of-16-or-more"
REQUESTS = 60
WORKERS = 2


@pytest.fixture(scope="module")
def measured(start):
    with start(METRICS_TOKEN=TOKEN, WORKERS=str(WORKERS), THREADS="3") as running:
        yield running


def scrape(running):
    request = urllib.request.Request(  # noqa: S310
        f"{running.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        text = answer.read().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ask(running, connect, times):
    for _ in range(times):  # each by a connection of its own, which the processes share out
        assert connect(running).request("GET /api/v1/products/").answer().status == 200


def products(samples):
    return samples["shop_request_seconds_count", "GET", "/api/v1/products/", "200"]


def await_sample(running, key, value):
    for _ in range(200):
        if (seen := scrape(running).get(key)) == value:
            return
        time.sleep(0.05)
    raise AssertionError(f"{key} is {seen}, not {value}")


def test_whichever_process_is_asked_tells_of_all(measured, connect):
    ask(measured, connect, REQUESTS)

    assert [products(scrape(measured)) for _ in range(10)] == [REQUESTS] * 10
    await_sample(measured, ("shop_threads", "reads"), 3 * WORKERS)


def test_a_process_that_dies_takes_its_threads_with_it_and_not_what_it_counted(measured, connect):
    before = products(scrape(measured))
    victim, _ = measured.worker_pids()
    os.kill(victim, signal.SIGKILL)
    while victim in measured.worker_pids() or measured.listeners() < WORKERS:
        time.sleep(0.05)

    (told,) = [line for line in measured.printed().splitlines() if "Unexpected exit" in line]
    assert json.loads(told)["level"] == "error"

    ask(measured, connect, REQUESTS)

    samples = scrape(measured)
    assert products(samples) == before + REQUESTS
    assert samples["shop_processes_ended",] == 1
    await_sample(measured, ("shop_threads", "reads"), 3 * WORKERS)


def test_a_new_server_begins_anew(start, connect):
    with start(METRICS_TOKEN=TOKEN) as running:
        ask(running, connect, 3)
        folder = f"/tmp/ecommerce-{os.getuid()}-127.0.0.1-{running.port}"  # noqa: S108
        assert Path(folder).stat().st_mode & 0o777 == 0o700
        running.stop()
        running.start()
        ask(running, connect, 1)

        assert products(scrape(running)) == 1
