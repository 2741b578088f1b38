"""Receives the shop's events, checks their signatures, and prints them. Python 3.11, nothing else.

python3 receiver.py whsec_…        # listens at http://127.0.0.1:9000/
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

PORT = 9000
SECONDS = 300  # an older request may be one that somebody kept
seen = set()  # a real receiver keeps this where it keeps what it did


def is_from_the_shop(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    about = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    made = base64.b64encode(hmac.digest(key, about + body, hashlib.sha256)).decode()
    is_new = abs(time.time() - int(headers["webhook-timestamp"])) < SECONDS
    signatures = headers["webhook-signature"].split()
    return is_new and any(hmac.compare_digest(f"v1,{made}", one) for one in signatures)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_from_the_shop(sys.argv[1], self.headers, body):
            self.send_error(401)
            return
        again = self.headers["webhook-id"] in seen
        seen.add(self.headers["webhook-id"])
        event = json.loads(body)
        word = "again" if again else "new"
        sys.stdout.write(f"{word} {event['type']} {json.dumps(event['data'])}\n")
        sys.stdout.flush()
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
