"""Print a fresh `.env`: secrets that exist nowhere else. Standard library only."""

from secrets import token_hex

SIZES = {"SECRET_KEY": 48, "MYSQL_PASSWORD": 16, "MYSQL_ROOT_PASSWORD": 16}

print("# Secrets of this installation, never committed; docs/operations.md lists all settings.")
for name, size in SIZES.items():
    print(f"{name}={token_hex(size)}")
