"""Load, lock and fault experiments. Never imported by the apps."""
