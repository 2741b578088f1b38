"""How often the words of names occur: which the index is asked for, and whether it is asked first.

Counted in a sample, since no database tells. It decides how a search is carried out and never what
it finds, so it may be old.
"""

from threading import Lock
from time import monotonic

from products.models import Product
from products.search import NO_COUNTS, SCANNED, Counts, count_words

FRESH_SECONDS = 600


class WordCounts:
    """The words of names from all over the table, and how many of these names have each."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = NO_COUNTS
        self._counted_at = float("-inf")

    def read(self) -> Counts:
        """The counts; none, until one of the threads has counted."""
        if monotonic() < self._counted_at + FRESH_SECONDS:
            return self._counts
        if self._lock.acquire(blocking=False):
            try:
                self._counts, self._counted_at = count_words(_sample()), monotonic()
            finally:
                self._lock.release()
        return self._counts


def _sample() -> list[str]:
    newest = Product.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    ids = range(newest, 0, -max(newest // SCANNED, 1))
    return list(Product.objects.filter(pk__in=ids).values_list("search_words", flat=True))


word_counts = WordCounts()
