"""What both FastAPI peers share: who asks, what is answered, and whether they are up."""

import os
from typing import Annotated

import jwt
from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel


class Self(BaseModel):
    id: int


class Issued(BaseModel):
    coupon: int
    user: int
    issue_number: int


async def signed_in(authorization: Annotated[str, Header()] = "") -> int:
    """The member whose token it is."""
    scheme, _, token = authorization.partition(" ")
    try:
        claims = jwt.decode(token, os.environ["SECRET_KEY"], algorithms=["HS256"])
        return int(claims["user_id"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise HTTPException(401, f"no {scheme or 'token'} of a member") from error


Member = Annotated[int, Depends(signed_in)]
common = APIRouter()


@common.get("/health/ready")
async def ready() -> None:
    """Answers when it serves."""


@common.get("/api/v1/yardstick/")
async def yardstick(member: Member) -> Self:
    return Self(id=member)
