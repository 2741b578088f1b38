"""FastAPI and MySQL: a transaction with a row lock for each coupon, and the shop's reads.

The reads look into the shop's own tables.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import asyncmy
from asyncmy.cursors import DictCursor
from asyncmy.errors import IntegrityError
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from shared import Issued, Member, common

CONNECTIONS = 16
SEOUL = timezone(timedelta(hours=9))
PRODUCTS = """
SELECT product.id, sku, product.name, description, price, stock, product.created_at,
    category.id AS category_id, category.name AS category_name, slug
FROM shop.products_product AS product
LEFT JOIN shop.products_category AS category ON category.id = product.category_id
WHERE product.is_active
"""
NEWEST = PRODUCTS + "ORDER BY product.created_at DESC, product.id DESC LIMIT 21"
ONE = PRODUCTS + "AND product.id = %s"
BEST_SELLERS = """
SELECT product.id, name, price, SUM(quantity) AS quantity, SUM(revenue) AS revenue
FROM shop.stats_dailyproductsales AS sales
JOIN shop.products_product AS product ON product.id = sales.product_id
WHERE day BETWEEN %s AND %s AND product.is_active
GROUP BY product.id, name, price
ORDER BY quantity DESC, revenue DESC, product.id LIMIT %s
"""


class Category(BaseModel):
    id: int
    name: str
    slug: str


class Product(BaseModel):
    id: int
    sku: str
    name: str
    description: str
    category: Category | None
    price: int
    stock: int
    created_at: datetime


class Page(BaseModel):
    next: str | None
    results: list[Product]


class Seller(BaseModel):
    id: int
    name: str
    price: int


class Rank(BaseModel):
    rank: int
    product: Seller
    quantity: int
    revenue: int


class Ranking(BaseModel):
    since: date
    until: date
    results: list[Rank]


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncmy.create_pool(
        host=os.environ["MYSQL_HOST"],
        port=int(os.environ["MYSQL_PORT"]),
        user="root",
        password=os.environ["MYSQL_PASSWORD"],
        db="peers",
        autocommit=True,
        minsize=CONNECTIONS,
        maxsize=CONNECTIONS,
    )
    yield
    app.state.pool.close()


app = FastAPI(lifespan=connected)
app.include_router(common)


@app.post("/api/v1/coupons/{coupon}/issue/", status_code=201)
async def issue(coupon: int, member: Member) -> Issued:
    async with app.state.pool.acquire() as connection, connection.cursor() as cursor:
        await connection.begin()
        try:
            number = await next_coupon(cursor, coupon, member)
            await connection.commit()
        except BaseException as error:
            await connection.rollback()
            if isinstance(error, IntegrityError):
                raise HTTPException(409, "has one already") from error
            raise
    return Issued(coupon=coupon, user=member, issue_number=number)


async def next_coupon(cursor: Any, coupon: int, member: int) -> int:
    """Lock the campaign and take its next coupon; the number of it."""
    await cursor.execute("SELECT total, issued FROM campaign WHERE id = %s FOR UPDATE", (coupon,))
    found = await cursor.fetchone()
    if found is None:
        raise HTTPException(404, "no such campaign")
    total, issued = found
    if issued >= total:
        raise HTTPException(409, "sold out")
    row = (coupon, member, issued + 1)
    await cursor.execute("INSERT INTO issued (campaign, member, number) VALUES (%s, %s, %s)", row)
    await cursor.execute("UPDATE campaign SET issued = issued + 1 WHERE id = %s", (coupon,))
    return int(issued) + 1


async def rows(statement: str, *values: object) -> list[dict[str, Any]]:
    async with app.state.pool.acquire() as connection, connection.cursor(DictCursor) as cursor:
        await cursor.execute(statement, values)
        found: list[dict[str, Any]] = await cursor.fetchall()
        return found


def shown(row: dict[str, Any]) -> Product:
    category = None
    if row["category_id"]:
        names = {"id": row["category_id"], "name": row["category_name"], "slug": row["slug"]}
        category = Category(**names)
    created_at = row.pop("created_at").replace(tzinfo=UTC)
    return Product(category=category, created_at=created_at, **row)


@app.get("/api/v1/products/")
async def products() -> Page:
    found = await rows(NEWEST)
    further = f"/api/v1/products/?before={found[19]['id']}" if len(found) > 20 else None
    return Page(next=further, results=[shown(row) for row in found[:20]])


@app.get("/api/v1/products/{product}/")
async def one_product(product: int) -> Product:
    found = await rows(ONE, product)
    if not found:
        raise HTTPException(404, "no such product")
    return shown(found[0])


@app.get("/api/v1/stats/top-products/")
async def best_sellers(days: int = 3, limit: int = 5) -> Ranking:
    until = datetime.now(SEOUL).date()
    since = until - timedelta(days=days - 1)
    found = await rows(BEST_SELLERS, since, until, limit)
    ranks = [Rank(rank=rank, product=row, **row) for rank, row in enumerate(found, start=1)]
    return Ranking(since=since, until=until, results=ranks)
