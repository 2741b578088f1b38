"""The run: loads in rounds, then exactness, then what a kill loses; kept as peers.json."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.bench import scenarios
from benchmarks.bench.about import about
from benchmarks.bench.config import Config, WrongConfig
from benchmarks.bench.runs import tell
from benchmarks.bench.session import BenchFailed, Measurement, Session, open_session
from benchmarks.peers import books, install, systems
from benchmarks.peers.books import Counter
from benchmarks.peers.losses import measure_losses, open_campaign, rows_of
from benchmarks.peers.page import NAME
from benchmarks.peers.rush import Verdict, all_at_once, ask, connect, judge, read
from benchmarks.peers.systems import ISSUE, LOADS, READS, SHOP, System
from benchmarks.stack import Server

ASKING, COUPONS = 200, 30
REQUESTS_A_SECOND = 40_000
"""More than any peer that issues coupons answers."""
WARM_CLIENTS = 32
COMPARED = {"id", "sku", "name", "category", "price", "stock", "product", "rank", "quantity"}


@dataclass(frozen=True, slots=True)
class Stand:
    """A system that serves, and the load that it gets."""

    system: System
    server: Server
    session: Session


def run_peers(config: Config) -> None:
    """Measure the shop and the peers that can be had here side by side, and keep the figures."""
    if config.database != "mysql":
        raise WrongConfig("the peers know MySQL only")
    missing = install.install()
    for name, why in missing.items():
        print(f"peers: {name} can't be had, and who needs it is left out: {why}", flush=True)
    wanted = systems.can_be_had(missing)
    with open_session(config) as session:
        books.make_tables(session.db)
        result: dict[str, Any] = {"about": _about(config, session, missing)}
        with ExitStack() as stack:
            store, stands = _serve(stack, config, session, wanted)
            _ensure_alike(stands)
            result["drains"], measured = _measure_rounds(config, stands, store)
            result["measurements"] = [asdict(one) for one in measured]
            result["exactness"] = [
                {"system": stand.system.name, **asdict(_rush(session, stand, store))}
                for stand in stands
                if stand.system.issues
            ]
        result["losses"] = [asdict(loss) for loss in measure_losses(session, wanted)]
        print(session.ensure_sound(), flush=True)
    _save(config.output, result)


def _about(config: Config, session: Session, missing: dict[str, str]) -> dict[str, Any]:
    found = dict(about(config, session))
    return {**found, "missing": missing, "peers": install.versions(missing)}


def _save(folder: Path, result: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    (folder / f"{NAME}.json").write_text(text + "\n", encoding="utf-8")


def _serve(
    stack: ExitStack, config: Config, session: Session, wanted: Sequence[System]
) -> tuple[Counter | None, list[Stand]]:
    store = None
    if any(system.counts_in_redis for system in wanted):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(books.counter(session.db, folder, "always"))
    stands = []
    for system in wanted:
        if system.name == SHOP:
            stands.append(Stand(system, stack.enter_context(session.server()), session))
            continue
        port = store.port if store else None
        server = stack.enter_context(systems.started(system, session.db, session.variables, port))
        own = _session_of(
            config, session, system, server, store if system.counts_in_redis else None
        )
        stands.append(Stand(system, server, own))
    return store, stands


def _session_of(
    config: Config, session: Session, system: System, server: Server, store: Counter | None
) -> Session:
    """The peer's load: the shop's members and products, and campaigns of the peer's own."""
    shop = session.shop
    if system.issues:
        amount = REQUESTS_A_SECOND * config.seconds * (config.rounds * len(config.clients) + 1)
        number = amount // len(shop.members) + 1
        campaigns = books.new_campaigns(session.db, number, 10 * len(shop.members), store)
        (sold_out,) = books.new_campaigns(session.db, 1, 1, store)
        with closing(connect(server.url)) as connection:
            ask(connection, sold_out, (shop.members[0], shop.tokens[0]))
        shop = replace(shop, campaigns=campaigns, sold_out=sold_out, pairs_used=0)
    return Session(session.db, session.variables, shop, requests_a_second=REQUESTS_A_SECOND)


def _ensure_alike(stands: Sequence[Stand]) -> None:
    """Whoever reads tells of the same products, or its figures are of something else."""
    shop = next(stand for stand in stands if stand.system.name == SHOP)
    product = shop.session.shop.products[0]
    for path in ("products/", f"products/{product}/", "stats/top-products/"):
        told = what_is_told(read(shop.server.url, f"/api/v1/{path}"))
        for stand in stands:
            if READS[0] in stand.system.loads:
                other = what_is_told(read(stand.server.url, f"/api/v1/{path}"))
                if other != told:
                    raise BenchFailed(f"{stand.system.name}: {path}: {other} and not {told}")


def what_is_told(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The products of a page, of a ranking or alone, without what each writes in its own way."""
    shown = body.get("results", [body])
    return [{name: one[name] for name in sorted({*one} & COMPARED)} for one in shown]


def _measure_rounds(
    config: Config, stands: Sequence[Stand], store: Counter | None
) -> tuple[list[float], list[Measurement]]:
    """All loads on all systems, round by round; and how long the writer needed after each."""
    drains: list[float] = []
    measurements: list[Measurement] = []

    def measure(stand: Stand, load: str, clients: int, seconds: int, number: int) -> Measurement:
        measured = stand.session.measure(
            *(stand.server, scenarios.BY_NAME[load]),
            clients=clients,
            seconds=seconds,
            number=number,
            variant=stand.system.name,
        )
        if store and load == ISSUE and stand.system.counts_in_redis:
            drains.append(store.drain())
        return measured

    for stand in stands:
        for load in stand.system.loads:
            measure(stand, load, WARM_CLIENTS, 1, 0)
    drains.clear()
    for number in range(config.rounds):
        for clients, load, stand in _in_turn(config.clients, stands, number):
            measurements.append(tell(measure(stand, load, clients, config.seconds, number)))
    return drains, measurements


def _in_turn(
    clients: Sequence[int], stands: Sequence[Stand], number: int
) -> Iterator[tuple[int, str, Stand]]:
    """What is compared stands side by side; another system begins in each round."""
    turn = number % len(stands)
    for many in clients:
        for load in LOADS:
            for stand in (*stands[turn:], *stands[:turn]):
                if load in stand.system.loads:
                    yield many, load, stand


def _rush(session: Session, stand: Stand, store: Counter | None) -> Verdict:
    shop = session.shop
    members = list(zip(shop.members, shop.tokens, strict=True))[:ASKING]
    if stand.system.name == SHOP:
        campaign = open_campaign(session, COUPONS)
    else:
        own = store if stand.system.counts_in_redis else None
        (campaign,) = books.new_campaigns(session.db, 1, COUPONS, own)
    answers = all_at_once(stand.server.url, campaign, members)
    if store:
        store.drain()
    verdict = judge(answers, rows_of(session, stand.system, campaign), COUPONS)
    print(f"   {stand.system.name}: {verdict}", flush=True)
    return verdict
