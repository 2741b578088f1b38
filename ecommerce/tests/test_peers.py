"""What the benchmark beside the peers says of its figures: judged, counted and told truly."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from benchmarks.bench.report import between_marks
from benchmarks.peers import behind, install, losses, page, run, rush, systems
from benchmarks.peers.books import Counter
from benchmarks.peers.rush import Answer
from benchmarks.stack import REPOSITORY

SHOP, FASTAPI, FASTIFY, LOCK = "shop", "fastapi_redis", "fastify_redis", "fastapi_mysql"


def measurement(load, system, per_second, number=0, clients=32, others=0.1):
    return {
        "scenario": load,
        "clients": clients,
        "variant": system,
        "round": number,
        "per_second": per_second,
        "cpu_server": 1.0,
        "cpu_database": 0.5,
        "cpu_others": others,
    }


def loss(system, told, lost, given_again, cut="kill", fsync=None):
    return {
        "system": system,
        "cut": cut,
        "fsync": fsync,
        "told": told,
        "lost": lost,
        "given_again": given_again,
    }


@pytest.fixture
def result():
    rates = {SHOP: (1000, 1100, 600), FASTAPI: (2000, 1000, 2000), LOCK: (250, 275, 200)}
    return {
        "about": {
            "when": "2026-11-26T14:00:00+00:00",
            "commit": "0123456789ab",
            "machine": {"cpu": "EPYC", "cores": 2, "memory_gib": 24},
            "versions": {"database": "MySQL 9.7.4", "Python": "3.11.7"},
            "server": {"WORKERS": "2"},
            "asked": {"rounds": 3, "seconds": 1, "products": 1000},
            "peers": {"FastAPI": "0.165.0"},
            "missing": {},
        },
        "measurements": [
            measurement("issue", system, rate, number)
            for system, of_system in rates.items()
            for number, rate in enumerate(of_system)
        ],
        "drains": [0.1, 0.7],
        "exactness": [
            {
                "system": SHOP,
                "asked": 200,
                "told": 30,
                "refused": 170,
                "in_the_books": 30,
                "exact": True,
            },
            {
                "system": LOCK,
                "asked": 200,
                "told": 31,
                "refused": 169,
                "in_the_books": 31,
                "exact": False,
            },
        ],
        "losses": [
            loss(SHOP, 1234, 0, 0),
            loss(FASTAPI, 2000, 5, 657, "power", "everysec"),
            loss(FASTAPI, 2000, 0, 0, "kill", "always"),
        ],
    }


# --- Exact ----------------------------------------------------------------------------------------


def answers(*told, refused=2):
    return [
        *(Answer(201, member, number) for member, number in told),
        *(Answer(409, 100 + place) for place in range(refused)),
    ]


def test_numbers_without_a_gap_each_told_to_one_who_has_it_are_exact():
    verdict = rush.judge(answers((7, 2), (8, 1)), [(8, 1), (7, 2)], 2)
    assert verdict == rush.Verdict(4, 2, 2, 2, exact=True)


@pytest.mark.parametrize(
    ("told", "rows"),
    [
        pytest.param([(7, 1), (8, 2), (9, 3)], [(7, 1), (8, 2), (9, 3)], id="one too many"),
        pytest.param([(7, 1)], [(7, 1)], id="one too few"),
        pytest.param([(7, 1), (8, 3)], [(7, 1), (8, 3)], id="a gap"),
        pytest.param([(7, 1), (8, 1)], [(7, 1), (8, 1)], id="a number twice"),
        pytest.param([(7, 1), (7, 2)], [(7, 1), (7, 2)], id="a member twice"),
        pytest.param([(7, 1), (8, 2)], [(7, 1)], id="told, not in the books"),
        pytest.param([(7, 1), (8, 2)], [(7, 1), (9, 2)], id="in the books as another's"),
        pytest.param([(7, 1), (8, 2)], [(7, 1), (8, 2), (9, 3)], id="in the books, not told"),
    ],
)
def test_anything_else_is_not_exact(told, rows):
    assert not rush.judge(answers(*told), rows, 2).exact


def test_an_answer_that_is_neither_a_coupon_nor_a_refusal_is_not_exact():
    broken = [*answers((7, 1), (8, 2), refused=1), Answer(500, 9)]
    assert not rush.judge(broken, [(7, 1), (8, 2)], 2).exact


# --- Losses ---------------------------------------------------------------------------------------


def test_told_and_in_no_book_is_lost_and_a_counter_behind_gives_numbers_again():
    told, rows = [(7, 1), (8, 2), (9, 3)], [(7, 1), (5, 2)]
    assert losses.judge(FASTAPI, "power", "everysec", told, rows, issued=1) == losses.Loss(
        FASTAPI, "power", "everysec", told=3, lost=2, given_again=2
    )


def test_nothing_told_is_nothing_lost():
    assert losses.judge(SHOP, "kill", None, [], [(7, 1)], issued=0).lost == 0


def test_redis_is_killed_with_each_way_of_writing_and_power_is_cut_where_it_can_be():
    by_redis, by_lock = systems.BY_NAME[FASTAPI], systems.BY_NAME[LOCK]
    kills = [("kill", "everysec"), ("kill", "always")]
    assert list(losses.cuts_of(by_lock, True)) == [("kill", None)]
    assert list(losses.cuts_of(by_redis, False)) == kills
    assert list(losses.cuts_of(by_redis, True)) == [
        *kills,
        ("power", "everysec"),
        ("power", "always"),
    ]


# --- The same answers -----------------------------------------------------------------------------


def test_what_is_told_is_compared_without_what_each_writes_in_its_own_way():
    mug = {"id": 3, "name": "머그컵", "price": 1200}
    page_of_shop = {"next": None, "previous": None, "results": [{**mug, "created_at": "+09:00"}]}
    page_of_peer = {"next": "?before=3", "results": [{**mug, "created_at": "Z", "slug": None}]}
    assert run.what_is_told(page_of_shop) == run.what_is_told(page_of_peer) == [mug]
    assert run.what_is_told(mug) == [mug]
    assert run.what_is_told({"results": []}) == []


# --- The page -------------------------------------------------------------------------------------


def test_a_figure_is_the_median_and_its_ratio_is_within_rounds(result):
    shop, fastapi, lock = page.figures(result)
    assert (shop.per_second, shop.lowest, shop.highest) == (1000, 600, 1100)
    assert shop.cpu == pytest.approx(1500)
    # 0.5, 1.1 and 0.3; of the medians it would be 0.5 too, of the sums 0.54.
    assert fastapi.ratio == pytest.approx(0.5)
    assert lock.ratio == pytest.approx(4)


def test_the_table_has_a_row_for_each_system_and_names_a_load_once(result):
    rows = page.figures_table(result, page.figures(result)).splitlines()[2:]
    assert rows == [
        "| issue a coupon | the shop | 1,000 | 600–1,100 |  | 1,500 |",
        "|  | FastAPI + Redis | 2,000 | 1,000–2,000 | 0.50 × | 750 |",
        "|  | FastAPI + MySQL row lock | 250 | 200–275 | 4.00 × | 6,000 |",
    ]


def test_where_the_shop_is_slower_is_said_first(result):
    said = page.comparison(result, page.figures(result))
    slower, quicker = said.split("Quicker")
    assert "issue a coupon: 0.50 × FastAPI + Redis" in slower
    assert "issue a coupon: 4.00 × FastAPI + MySQL row lock" in quicker


def test_on_a_busy_machine_no_rate_is_compared_but_the_cpu_for_an_answer(result):
    for one in result["measurements"]:
        one["cpu_others"] = 1.5
        one["cpu_server"] = 3 * one["per_second"] / 1e6 if one["variant"] == SHOP else 0.0
        one["cpu_database"] = None if one["variant"] == SHOP else one["per_second"] / 1e6
    parts = page.parts(result)
    slower = "Slower (answers for each second of CPU, with 32 clients):"
    assert parts["comparison"].startswith(f"{slower}\n\n- issue a coupon: 0.33 × FastAPI + Redis")
    assert "0.50" not in parts["comparison"] + parts["why"]
    assert "up to 2.0 × as many" not in parts["why"]


@pytest.mark.parametrize(("others", "busy"), [(0.25, False), (0.26, True)])
def test_a_busy_machine_is_told(result, others, busy):
    for one in result["measurements"]:
        one["cpu_others"] = others
    assert ("the machine was busy" in page.busyness(result)) is busy


def test_what_is_lost_or_not_exact_is_said(result):
    parts = page.parts(result)
    assert "| the shop | 200 | 30 | 170 | 30 | yes |" in parts["exactness"]
    assert "| 200 | 31 | 169 | 31 | **no** |" in parts["exactness"]
    assert "which writes each second | power cut | 2,000 | 5 | 657 |" in parts["losses"]
    assert "lost 0 of 1,234 coupons" in parts["why"]
    assert "lost 5 of 2,000, and would give 657" in parts["why"]
    assert "up to 2.0 × as many" in parts["why"]


def test_what_was_left_out_is_said(result):
    result["about"]["missing"] = {"node": "node is not installed"}
    assert "Left out, for want of it: node." in page.parts(result)["about"]


def test_the_page_has_a_place_for_each_part(result):
    text = (REPOSITORY / "docs" / "benchmarks" / page.PAGE).read_text(encoding="utf-8")
    for name, part in page.parts(result).items():
        assert part in between_marks(text, name, part), name


def test_a_page_is_written_of_the_figures_that_are_kept(result, tmp_path):
    page.write_page(tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "peers.json").write_text(json.dumps(result))
    page.write_page(tmp_path)
    assert "600–1,100" in (tmp_path / "peers.md").read_text(encoding="utf-8")


# --- What can be had ------------------------------------------------------------------------------


def test_who_needs_what_is_missing_is_left_out():
    names = [one.name for one in systems.can_be_had({"node": "", "redis": ""})]
    assert names == [SHOP, LOCK, "bare"]


def test_a_step_that_fails_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(install.shutil, "which", lambda program: None)
    assert install._tried(install._look_for_redis) == "redis-server is not installed"


def test_versions_are_those_that_are_pinned():
    found = install.versions({"node": "", "redis": ""})
    assert set(found) == {"FastAPI", "uvicorn", "asyncmy", "redis-py"}


# --- The writer behind Redis ----------------------------------------------------------------------


def test_what_was_issued_is_written_in_one_statement_and_committed():
    done = []
    cursor = SimpleNamespace(executemany=lambda *given: done.append(given))
    connection = SimpleNamespace(commit=lambda: done.append("commit"))
    connection.cursor = lambda: nullcontext(cursor)
    behind.write(connection, [("1-0", {"campaign": "3", "member": "7", "number": "1"})])
    assert done == [(behind.INSERT, [(3, 7, 1)]), "commit"]


def test_a_counter_is_drained_when_the_stream_is_empty():
    left = [3, 1, 0]
    store = SimpleNamespace(xlen=lambda stream: left.pop(0))
    writer = SimpleNamespace(poll=lambda: None)
    assert Counter(None, 0, store, None, writer).drain() < 1
    assert left == []


def test_a_writer_that_is_dead_is_not_waited_for():
    store = SimpleNamespace(xlen=lambda stream: 1)
    with pytest.raises(RuntimeError, match="the writer"):
        Counter(None, 0, store, None, SimpleNamespace(poll=lambda: 1)).drain()
