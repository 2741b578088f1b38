"""The shop's settings with one path more: the yardstick, which the product does not have."""

from ecommerce.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.bench.urls"
