"""Print a fresh `.env`: secrets that exist nowhere else. Standard library only.

With the argument "cluster": that of `make cluster`, with a network of its own, and ports beside
those of Compose's single database.
"""

import sys
from secrets import randbelow, token_hex

SIZES = {"SECRET_KEY": 48, "MYSQL_PASSWORD": 16, "MYSQL_ROOT_PASSWORD": 16}
CLUSTER_SIZES = {"CLUSTER_NODES_PASSWORD": 16, "CLUSTER_CHECK_PASSWORD": 16}
CLUSTER_PORTS = {"APP_PORT": 8010, "TLS_PORT": 8453, "DB_PORT": 3317}

is_cluster = sys.argv[1:] == ["cluster"]
print("# Secrets of this installation, never committed; docs/operations.md lists all settings.")
for name, size in (SIZES | (CLUSTER_SIZES if is_cluster else {})).items():
    print(f"{name}={token_hex(size)}")
if is_cluster:
    print("# What the environment says goes before it.")
    for name, port in CLUSTER_PORTS.items():
        print(f"{name}={port}")
    print("# The network's first three numbers: another one if yours are taken.")
    print(f"CLUSTER_NETWORK=10.{213 + randbelow(32)}.{randbelow(256)}")
