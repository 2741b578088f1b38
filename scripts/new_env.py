"""Print a fresh `.env`: secrets that exist nowhere else. Standard library only."""

from secrets import token_hex

print("# Secrets of this installation; never committed. docs/operations.md lists what else may be set.")  # noqa: T201
for name, size in [("SECRET_KEY", 48), ("MYSQL_PASSWORD", 16), ("MYSQL_ROOT_PASSWORD", 16)]:
    print(f"{name}={token_hex(size)}")  # noqa: T201
