"""Print a fresh `.env`: secrets that exist nowhere else. Standard library only.

With a file as argument: what is to be added to it, the secrets that it lacks. With the argument
"cluster": that of `make cluster`, with a network of its own, and ports beside those of Compose's
single database.
"""

import re
import sys
from pathlib import Path
from secrets import randbelow, token_hex

SIZES = {"SECRET_KEY": 48, "MYSQL_PASSWORD": 16, "MYSQL_ROOT_PASSWORD": 16}
CLUSTER_SIZES = {"CLUSTER_NODES_PASSWORD": 16, "CLUSTER_CHECK_PASSWORD": 16}
CLUSTER_PORTS = {"APP_PORT": 8010, "TLS_PORT": 8453, "DB_PORT": 3317}
SET = re.compile(r"""(?:export )?(\w+)=(?!(?:""|'')?(?:\s+#.*|\s*)$)""")
"""How a line begins that gives a name a value."""

is_cluster = sys.argv[1:] == ["cluster"]
sizes = SIZES | (CLUSTER_SIZES if is_cluster else {})
if sys.argv[1:] and not is_cluster:
    text = Path(sys.argv[1]).read_text("utf-8-sig", errors="replace")
    values = {found[1] for line in text.splitlines() if (found := SET.match(line))}
    sizes = {name: size for name, size in sizes.items() if name not in values}
    print(f"{sys.argv[1]} gets {', '.join(sizes) or 'nothing: it has all'}.", file=sys.stderr)
    if not sizes:
        sys.exit()
    print(end="\n" if text and not text.endswith("\n") else "")
print("# Secrets of this installation, never committed; docs/operations.md lists all settings.")
for name, size in sizes.items():
    print(f"{name}={token_hex(size)}")
if is_cluster:
    print("# What the environment says goes before it.")
    for name, port in CLUSTER_PORTS.items():
        print(f"{name}={port}")
    print("# The network's first three numbers: another one if yours are taken.")
    print(f"CLUSTER_NETWORK=10.{213 + randbelow(32)}.{randbelow(256)}")
