"""The list of faults that no test notices is held against the code, by `make lint`."""

from pathlib import Path

import pytest

from scripts.mutants import Fault, beside, listed, stale

CODE = """def half(price):
    if price < 2:
        return 0
    return price // 2
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "prices.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize("was", ["if price < 2:", "if price < 2:\nreturn 0", "return price // 2"])
def test_a_fault_of_lines_that_are_there_may_be_listed(root: Path, was: str) -> None:
    assert list(stale({Fault("prices.py", was, "pass"): "half of 1 is 0"}, root)) == []


@pytest.mark.parametrize(
    ("fault", "why", "told"),
    [
        (Fault("prices.py", "if price < 3:", "x"), "why", "no such line any more: if price < 3:"),
        (Fault("gone.py", "if price < 2:", "x"), "why", "no such line any more: if price < 2:"),
        (Fault("prices.py", "return 0\nif price < 2:", "x"), "why", "no such line any more"),
        (Fault("prices.py", "if price < 2:", "x"), " ", "no reason is given for x"),
    ],
    ids=str,
)
def test_one_of_lines_that_are_gone_or_without_a_reason_is_told(
    root: Path, fault: Fault, why: str, told: str
) -> None:
    (line,) = stale({fault: why}, root)
    assert told in line


def test_the_list_is_that_of_the_code() -> None:
    assert list(stale(listed())) == []


def test_a_modules_tests_are_those_beside_it() -> None:
    assert beside("products/services/stock.py") == ["products/tests"]
    assert beside("ecommerce/audit/run.py") == ["ecommerce/tests/audit"]
    with pytest.raises(SystemExit, match="name them"):
        beside("common/errors.py")
