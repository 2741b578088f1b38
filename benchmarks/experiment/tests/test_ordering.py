"""The measures of disorder, on orders small enough to count by hand."""

import random
from itertools import combinations

import pytest

from benchmarks.experiment.ordering import greatest_displacement, inversions, passed_over


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], 0),
        ([7], 0),
        ([1, 2, 3, 4], 0),
        ([4, 3, 2, 1], 6),
        ([2, 1, 4, 3], 2),
        ([4, 1, 2, 3], 3),
        ([2, 3, 4, 1], 3),
        ([1, 1, 1], 0),
        ([2, 1, 1], 2),
        ([10, 30, 20], 1),
    ],
)
def test_inversions_are_pairs_served_in_the_wrong_order(numbers, expected):
    assert inversions(numbers) == expected


def test_inversions_are_what_counting_every_pair_gives():
    numbers = random.Random(2026).choices(range(200), k=300)
    assert inversions(numbers) == sum(a > b for a, b in combinations(numbers, 2))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], 0),
        ([7], 0),
        ([1, 2, 3, 4], 0),
        ([4, 3, 2, 1], 3),
        ([2, 1, 4, 3], 1),
        ([4, 1, 2, 3], 3),
        ([2, 3, 4, 1], 3),
        ([1, 1, 1], 0),
        ([2, 1, 1], 2),
        ([10, 30, 20], 1),
    ],
)
def test_the_greatest_displacement_is_that_of_the_worst_placed(numbers, expected):
    assert greatest_displacement(numbers) == expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], 0),
        ([1, 2, None, None], 0),
        ([None, 1, 2, None], 1),
        ([None, None, 1, 2], 2),
        ([None, 2, None, 1, 3], 2),
        ([None, None], 0),
    ],
)
def test_passed_over_are_those_who_came_in_time_and_got_nothing(numbers, expected):
    assert passed_over(numbers) == expected
