"""How far the order of the numbers departs from the order of arrival."""

from bisect import bisect_right, insort
from collections.abc import Sequence


def inversions(numbers: Sequence[int]) -> int:
    """Pairs in which the later arrival has the lower number. Numbers in order of arrival.

    0 when everybody is served in turn, n(n - 1)/2 when the order is the reverse. Equal numbers
    (handed out twice) are no inversion. The measure is Kendall's tau distance.
    """
    seen: list[int] = []
    count = 0
    for number in numbers:
        count += len(seen) - bisect_right(seen, number)
        insort(seen, number)
    return count


def greatest_displacement(numbers: Sequence[int]) -> int:
    """By how many places the worst placed one is off. Numbers in order of arrival.

    Compares each one's place in the order of arrival with its place in the order of the numbers;
    equal numbers keep their order of arrival.
    """
    by_number = sorted(range(len(numbers)), key=lambda place: (numbers[place], place))
    return max((abs(arrived - served) for served, arrived in enumerate(by_number)), default=0)


def passed_over(numbers: Sequence[int | None]) -> int:
    """How many came early enough for what was given out, and got nothing.

    Numbers in order of arrival, None for who got none: of the first k arrivals, k being how many
    got one, those with None. Each of them lost its place to somebody who came later.
    """
    given = sum(number is not None for number in numbers)
    return sum(number is None for number in numbers[:given])
