"""Adds a shop to the database that DATABASE_URL names, and prints it as JSON.

python -m benchmarks.faults.fill MEMBERS
"""

import json
import os
import sys
from dataclasses import asdict
from datetime import timedelta
from random import SystemRandom

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
django.setup()

from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.faults.shop import BALANCE, PRICE, SCARCE_STOCK, STOCK, TOTALS, Shop
from common.db.transactions import run_transaction
from coupons.services import create_coupon
from ecommerce.seeding.members import NewMember, insert_members
from ecommerce.seeding.rows import Series
from products.services import create_product
from users.models import User


def fill(members: int) -> Shop:
    series = Series(SystemRandom())
    now = timezone.now()
    new = [
        NewMember(f"{series.tag}-{number}", "!", now, BALANCE) for number in range(1, members + 1)
    ]
    ids = run_transaction(lambda: insert_members(new, series)).values()
    products = [create_product(name=f"상품 {n}", price=PRICE, stock=STOCK).pk for n in range(6)]
    scarce = create_product(name="한정 상품", price=PRICE, stock=SCARCE_STOCK)
    campaigns = [
        create_coupon(
            name=f"선착순 {total}",
            discount_type="fixed",
            discount_value=5,
            total_quantity=total,
            issue_ends_at=now + timedelta(days=1),
        )
        for total in TOTALS
    ]
    return Shop(
        tokens={pk: str(AccessToken.for_user(User(pk=pk))) for pk in ids},
        campaigns={campaign.pk: campaign.total_quantity for campaign in campaigns},
        products=tuple(products),
        scarce=scarce.pk,
    )


if __name__ == "__main__":
    shops, members = map(int, sys.argv[1:])
    json.dump([asdict(fill(members)) for _ in range(shops)], sys.stdout)
