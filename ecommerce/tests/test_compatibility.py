"""What breaks clients of the last release is found in the description, and nothing else is."""

import re
from copy import deepcopy

import pytest
import yaml

from ecommerce.tests.openapi import description
from scripts import compatibility
from scripts.compatibility import ACCEPTED, CURRENT, RELEASED, breaks, main

ORDERS = "/api/v1/orders/"
PRODUCTS = "/api/v1/products/"


def of(api, path=ORDERS, method="post"):
    return api["paths"][path][method]


def schemas(api):
    return api["components"]["schemas"]


def parameter(api, name, path=PRODUCTS):
    return next(one for one in of(api, path, "get")["parameters"] if one["name"] == name)


def drop_operation(api):
    del api["paths"][ORDERS]["post"]


def rename_operation(api):
    of(api)["operationId"] = "orders_create"


def ask_for_a_token(api):
    of(api, PRODUCTS, "get")["security"] = [{"bearerAuth": []}]


def drop_parameter(api):
    of(api, PRODUCTS, "get")["parameters"].remove(parameter(api, "search"))


def require_a_parameter(api):
    parameter(api, "search")["required"] = True


def drop_a_choice(api):
    parameter(api, "ordering")["schema"]["enum"].remove("-name")


def narrow_a_bound(api):
    parameter(api, "page_size")["schema"]["maximum"] = 50


def bound_what_was_not(api):
    schemas(api)["OrderLineRequest"]["properties"]["product"]["minimum"] = 1


def require_a_field(api):
    schemas(api)["PlaceOrderRequest"]["required"].append("coupon")


def drop_a_field_of_a_body(api):
    del schemas(api)["PlaceOrderRequest"]["properties"]["coupon"]


def refuse_null(api):
    schemas(api)["PlaceOrderRequest"]["properties"]["coupon"]["type"] = "integer"


def change_a_pattern(api):
    schemas(api)["SignUpRequest"]["properties"]["username"]["pattern"] = "^[a-z]+$"


def refuse_an_empty_address(api):
    schemas(api)["SignUpRequest"]["properties"]["email"]["anyOf"].pop()


def drop_a_success(api):
    of(api)["responses"]["200"] = of(api)["responses"].pop("201")


def drop_a_field_of_an_answer(api):
    del schemas(api)["OrderItem"]["properties"]["unit_price"]


def leave_a_field_out_at_times(api):
    schemas(api)["Product"]["required"].remove("stock")


def answer_null(api):
    schemas(api)["Product"]["properties"]["price"]["type"] = ["integer", "null"]


def answer_a_new_choice(api):
    schemas(api)["Order"]["properties"]["status"]["enum"].append("shipped")


def answer_any_text(api):
    del schemas(api)["Order"]["properties"]["status"]["enum"]


def answer_another_format(api):
    del schemas(api)["Order"]["properties"]["created_at"]["format"]


def drop_a_header(api):
    del of(api, PRODUCTS, "get")["responses"]["200"]["headers"]["ETag"]


def drop_a_form_of_errors(api):
    del of(api)["responses"]["409"]["content"]["application/json"]


def drop_what_errors_say(api):
    del schemas(api)["ErrorItem"]["properties"]["attr"]


BREAKING = {
    drop_operation: "POST /api/v1/orders/: is gone",
    rename_operation: "POST /api/v1/orders/: was called order_place",
    ask_for_a_token: "GET /api/v1/products/: needs a token",
    drop_parameter: "GET /api/v1/products/: query search is gone",
    require_a_parameter: "GET /api/v1/products/: query search is required",
    drop_a_choice: "GET /api/v1/products/: query ordering: takes -name no more",
    narrow_a_bound: "GET /api/v1/products/: query page_size: maximum 50 was 100",
    bound_what_was_not: "POST /api/v1/orders/: body.items[].product: minimum 1 is new",
    require_a_field: "POST /api/v1/orders/: body.coupon: is required",
    drop_a_field_of_a_body: "POST /api/v1/orders/: body.coupon: is not known any more",
    refuse_null: "POST /api/v1/orders/: body.coupon: takes no null any more",
    change_a_pattern: "POST /api/v1/auth/signup/: body.username: the pattern was ",
    refuse_an_empty_address: "POST /api/v1/auth/signup/: body.email: ",
    drop_a_success: "POST /api/v1/orders/ → 201: is gone",
    drop_a_field_of_an_answer: "POST /api/v1/orders/ → 201.items[].unit_price: is gone",
    leave_a_field_out_at_times: "GET /api/v1/products/ → 200.results[].stock: may be missing",
    answer_null: "GET /api/v1/products/ → 200.results[].price: may be null",
    answer_a_new_choice: "POST /api/v1/orders/ → 201.status: may be shipped",
    answer_any_text: "POST /api/v1/orders/ → 201.status: may be other values than paid, cancelled",
    answer_another_format: "POST /api/v1/orders/ → 201.created_at: was a date-time",
    drop_a_header: "GET /api/v1/products/ → 200: header ETag is gone",
    drop_a_form_of_errors: "POST /api/v1/orders/ → 409: application/json is gone",
    drop_what_errors_say: "POST /api/v1/orders/ → 409.errors[].attr: is gone",
}


@pytest.mark.parametrize(
    ("change", "told"), BREAKING.items(), ids=[change.__name__ for change in BREAKING]
)
def test_what_breaks_a_client_is_told(change, told):
    changed = deepcopy(description())
    change(changed)

    found = breaks(description(), changed)

    assert found
    assert any(one.startswith(told) for one in found), found


def add_an_operation(api):
    api["paths"]["/api/v1/wishes/"] = {"get": of(api, PRODUCTS, "get")}


def add_a_field_of_an_answer(api):
    schemas(api)["Order"]["properties"]["note"] = {"type": "string"}
    schemas(api)["Order"]["required"].append("note")


def add_a_field_that_may_be_sent(api):
    schemas(api)["PlaceOrderRequest"]["properties"]["note"] = {"type": "string"}


def add_a_parameter(api):
    of(api)["parameters"].append({"name": "note", "in": "query", "schema": {"type": "string"}})


def add_a_choice(api):
    parameter(api, "ordering")["schema"]["enum"].append("stock")


def widen_a_bound(api):
    parameter(api, "page_size")["schema"]["maximum"] = 200
    schemas(api)["OrderLineRequest"]["properties"]["quantity"]["maximum"] = 10_000


def add_an_error(api):
    answers = of(api)["responses"]
    answers["409"]["x-error-codes"].append("shop_is_closed")
    answers["410"] = answers["409"]


def drop_an_error(api):
    del of(api)["responses"]["422"]


def rename_a_component(api):
    schemas(api)["Bought"] = schemas(api).pop("OrderItem")
    schemas(api)["Order"]["properties"]["items"]["items"]["$ref"] = "#/components/schemas/Bought"


def require_less(api):
    schemas(api)["SignUpRequest"]["required"].remove("password")
    of(api)["security"] = [{"bearerAuth": []}, {}]


@pytest.mark.parametrize(
    "change",
    [
        add_an_operation,
        add_a_field_of_an_answer,
        add_a_field_that_may_be_sent,
        add_a_parameter,
        add_a_choice,
        widen_a_bound,
        add_an_error,
        drop_an_error,
        rename_a_component,
        require_less,
    ],
)
def test_what_breaks_nobody_is_let_through(change):
    changed = deepcopy(description())
    change(changed)

    assert changed != description()
    assert breaks(description(), changed) == []


def test_nothing_breaks_clients_of_the_last_release():
    assert main() == 0


def test_each_break_that_is_accepted_is_there():
    found = breaks(yaml.safe_load(RELEASED.read_text()), yaml.safe_load(CURRENT.read_text()))

    stale = [why for why in ACCEPTED if not any(re.search(why, one) for one in found)]
    assert stale == []


def test_a_break_fails_the_check_and_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(compatibility, "ACCEPTED", {})
    changed = deepcopy(description())
    drop_operation(changed)
    for name, api in (("old", description()), ("new", changed)):
        (tmp_path / name).write_text(yaml.safe_dump(api))

    assert main(tmp_path / "old", tmp_path / "old") == 0
    assert main(tmp_path / "old", tmp_path / "new") == 1
    told = "breaks clients of the last release: POST /api/v1/orders/: is gone\n"
    assert capsys.readouterr().err == told
