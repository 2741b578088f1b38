"""`make queries` asks as those do whom it stands for."""

import pytest

from benchmarks.reads import ADMIN, READER, credentials
from users.models import User


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("anyone", "/api/v1/products/"),
        ("member", "/api/v1/users/me/coupons/"),
        ("staff", "/admin/users/wallettransaction/"),
    ],
)
def test_everybody_may_read_what_is_read_as_them(api, who, path):
    User.objects.create_user(username=READER)
    User.objects.create_superuser(username=ADMIN, password="not-used")

    assert api.get(path, headers=credentials()[who]).status_code == 200
