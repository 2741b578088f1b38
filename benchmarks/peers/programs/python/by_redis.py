"""FastAPI, and a counter in Redis that decides; what it decided is written to MySQL behind it."""

import os
from pathlib import Path

from fastapi import FastAPI, HTTPException
from redis.asyncio import Redis
from shared import Issued, Member, common

DECIDE = (Path(__file__).parent.parent / "decide.lua").read_text()
REFUSALS = {0: (404, "no such campaign"), -1: (409, "sold out"), -2: (409, "has one already")}

app = FastAPI()
app.include_router(common)
store = Redis(port=int(os.environ["REDIS_PORT"]), max_connections=1_000)
decide = store.register_script(DECIDE)


@app.post("/api/v1/coupons/{coupon}/issue/", status_code=201)
async def issue(coupon: int, member: Member) -> Issued:
    campaign = f"campaign:{coupon}"
    number = await decide([campaign, f"{campaign}:members", "issued"], [coupon, member])
    if number in REFUSALS:
        raise HTTPException(*REFUSALS[number])
    return Issued(coupon=coupon, user=member, issue_number=number)
