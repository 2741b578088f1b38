"""Fill a migrated, seeded database with what the scenarios need, and print it as JSON.

    python -m benchmarks.bench.prepare shop --campaigns 200 --products 1000
    python -m benchmarks.bench.prepare campaigns --count 5 --quantity 30
    python -m benchmarks.bench.prepare statistics
    python -m benchmarks.bench.prepare listener --is there
    python -m benchmarks.bench.prepare happen --rate 1000 --seconds 15
    python -m benchmarks.bench.prepare unheard
    python -m benchmarks.bench.prepare pages --number 10000

Runs in the shop's own environment.
"""

import argparse
import json
import os

import django


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    shop = commands.add_parser("shop")
    shop.add_argument("--campaigns", type=int, required=True)
    shop.add_argument("--products", type=int, required=True)
    campaigns = commands.add_parser("campaigns")
    campaigns.add_argument("--count", type=int, required=True)
    campaigns.add_argument("--quantity", type=int, required=True)
    commands.add_parser("statistics")
    listener = commands.add_parser("listener")
    listener.add_argument("--is", dest="is_there", choices=["there", "gone"], required=True)
    listener.add_argument("--url", default="")
    commands.add_parser("unheard")
    happen = commands.add_parser("happen")
    happen.add_argument("--rate", type=int, required=True)
    happen.add_argument("--seconds", type=float, required=True)
    pages = commands.add_parser("pages")
    pages.add_argument("--number", type=int, required=True)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    django.setup()
    from benchmarks.bench import contents  # noqa: PLC0415  models need Django to be set up

    result: object
    match arguments.command:
        case "shop":
            result = contents.prepare_shop(arguments.campaigns, arguments.products)
        case "campaigns":
            result = contents.new_campaigns(arguments.count, arguments.quantity)
        case "statistics":
            contents.refresh_statistics()
            result = None
        case "listener":
            contents.set_listener(arguments.is_there == "there", arguments.url)
            result = None
        case "unheard":
            result = contents.time_unheard()
        case "happen":
            result = contents.write_events(arguments.rate, arguments.seconds)
        case _:
            result = list(contents.product_pages(arguments.number))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
