"""Fixtures of the tests of members: names, passwords and tokens."""

from collections.abc import Callable

import pytest

from users.models import User
from users.services import sign_in
from users.tokens import TokenPair

PASSWORD = "correct horse battery"


@pytest.fixture
def minji(make_member: Callable[..., User]) -> User:
    """A member who knows her password."""
    return make_member(username="minji", password=PASSWORD)


@pytest.fixture
def pair(minji: User) -> TokenPair:
    """The tokens that she got when she signed in."""
    return sign_in(username="minji", password=PASSWORD)
