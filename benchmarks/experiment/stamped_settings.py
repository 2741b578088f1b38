"""The shop's settings, and a stamp on each answer: for measuring only, never for a shop."""

from ecommerce.settings import *  # noqa: F403
from ecommerce.settings import MIDDLEWARE as SHOP_MIDDLEWARE

MIDDLEWARE = ["benchmarks.experiment.stamp.StampArrival", *SHOP_MIDDLEWARE]
