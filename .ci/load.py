"""Clients that go on until they are told to stop, and what they saw: for what must disturb nobody.

    python3 .ci/load.py BASE_URL FOLDER

They sign up, charge, order and read, each by one connection. When FOLDER/stop appears, they end,
and one line says how many requests were answered, the longest wait, and every error: a 5xx, an
answer that did not come, or a balance that is not what is left. Exits 1 when there is one.
"""

import http.client
import json
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

CLIENTS = 12
PATIENCE_SECONDS = 30


class Client(threading.Thread):
    def __init__(self, base: str, stop: Path) -> None:
        super().__init__()
        self.address = urlsplit(base).netloc
        self.stop = stop
        self.answered = self.balance = 0
        self.longest = 0.0
        self.errors: list[str] = []
        self.headers = {"Content-Type": "application/json"}
        self.connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, timeout=PATIENCE_SECONDS)

    def ask(self, method: str, path: str, body: object = None) -> dict:
        began = time.monotonic()
        try:
            text = None if body is None else json.dumps(body)
            self.connection.request(method, f"/api/v1/{path}", text, self.headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except OSError as error:
            self.errors.append(f"{method} {path}: {error!r}")
            self.connection = self._connect()
            return {}
        except http.client.HTTPException as error:
            self.errors.append(f"{method} {path}: {error!r}")
            self.connection = self._connect()
            return {}
        self.longest = max(self.longest, time.monotonic() - began)
        self.answered += 1
        if answer.status >= 500:
            self.errors.append(f"{method} {path}: {answer.status} {content[:200]!r}")
            return {}
        return json.loads(content)

    def run(self) -> None:
        account = {"username": f"load{uuid4().hex[:12]}", "password": "correct horse battery"}
        while not self.ask("POST", "auth/signup/", account).get("id"):  # hashes have a queue
            self.errors = [error for error in self.errors if "busy" not in error]
            time.sleep(1)
        while not (token := self.ask("POST", "auth/token/", account).get("access")):
            self.errors = [error for error in self.errors if "busy" not in error]
            time.sleep(1)
        self.headers["Authorization"] = f"Bearer {token}"
        product = self.ask("GET", "products/?in_stock=true&page_size=1")["results"][0]["id"]
        line = {"items": [{"product": product, "quantity": 1}]}
        while not self.stop.exists():
            if self.ask("POST", "users/me/balance/charge/", {"amount": 100}).get("id"):
                self.balance += 100
            self.ask("GET", "products/")
            # Most often refused for want of money: an answer, too.
            self.balance -= self.ask("POST", "orders/", line).get("total", 0)
            self.ask("GET", "users/me/")
        balance = self.ask("GET", "users/me/balance/").get("balance")
        if not self.errors and balance != self.balance:
            self.errors.append(f"{account['username']} has {balance}, and must have {self.balance}")


def main(base: str, folder: str) -> int:
    clients = [Client(base, Path(folder) / "stop") for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    errors = [error for client in clients for error in client.errors]
    answered = sum(client.answered for client in clients)
    longest = max(client.longest for client in clients)
    print(f"{answered:,} requests, {len(errors)} errors, the longest wait {longest:.2f} s")
    print("\n".join(errors[:20]), end="")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
