"""The shop beside what one would build instead for a sale: `make bench BENCH=peers`.

`programs/` has the peers: FastAPI and Fastify, each with a counter in Redis and with a row lock in
MySQL, as short as one would write them. They serve the shop's own paths to the shop's own tokens,
so that the same load meets all of them.
"""
