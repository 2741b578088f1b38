"""Django's MySQL backend, with one round trip less in each transaction."""
