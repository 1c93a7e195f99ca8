"""A server of Git LFS over HTTP (docs/api of git-lfs) that asks for a token, and verifies it as a forge does."""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = "application/vnd.git-lfs+json"
PLACE = re.compile(r"/(?P<owner>[^/]+)/(?P<name>[^/]+)\.git/info/lfs(?P<rest>/.*)")


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class WrongToken(Exception):
    pass


class LfsServer:
    """`secret` is what tokens are signed with; `objects` and `tokens` (claims, in order) are there to be looked at."""

    def __init__(self, secret: bytes):
        self.secret = secret
        self.objects: dict[str, bytes] = {}
        self.tokens: list[dict] = []
        self.pause = 0.0  # seconds for each object
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.serve(self, "GET")

            def do_PUT(self):
                outer.serve(self, "PUT")

            def do_POST(self):
                outer.serve(self, "POST")

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """As lfs.url has it."""
        return f"http://127.0.0.1:{self.http.server_port}/{{owner}}/{{name}}.git/info/lfs"

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def claims(self, header: str) -> dict:
        """Of a token that is good now."""
        kind, _, token = header.partition(" ")
        parts = token.split(".")
        if kind != "Bearer" or len(parts) != 3:
            raise WrongToken("no token")
        if json.loads(decode(parts[0])) != {"alg": "HS256", "typ": "JWT"}:
            raise WrongToken("not HS256")
        signed = ".".join(parts[:2]).encode()
        if not hmac.compare_digest(decode(parts[2]), hmac.digest(self.secret, signed, hashlib.sha256)):
            raise WrongToken("wrong signature")
        claims = json.loads(decode(parts[1]))
        if not claims["nbf"] <= time.time() < claims["exp"]:
            raise WrongToken("not now")
        return claims

    def serve(self, request, method: str):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        place = PLACE.fullmatch(request.path)
        try:
            claims = self.claims(request.headers.get("Authorization", ""))
        except WrongToken as wrong:
            return self.answer(request, 401, {"message": str(wrong)})
        self.tokens.append(claims)
        if place["rest"] == "/objects/batch" and method == "POST":
            return self.batch(request, claims, json.loads(body), place)
        if place["rest"].startswith("/locks"):
            return self.answer(request, 404, {"message": "no locks here"})
        return self.transfer(request, claims, method, place["rest"].rpartition("/")[2], body)

    def batch(self, request, claims, asked, place):
        if asked["operation"] == "upload" and claims["Op"] != "upload":
            return self.answer(request, 403, {"message": "the token is for downloads"})
        base = f"http://127.0.0.1:{self.http.server_port}/{place['owner']}/{place['name']}.git/info/lfs/objects"
        header = {"Authorization": request.headers["Authorization"]}
        objects = []
        for one in asked["objects"]:
            has = one["oid"] in self.objects
            action = {asked["operation"]: {"href": f"{base}/{one['oid']}", "header": header}}
            if asked["operation"] == "download" and not has:
                objects.append({**one, "error": {"code": 404, "message": "not here"}})
            else:
                wanted = asked["operation"] == "download" or not has
                objects.append({**one, "authenticated": True, **({"actions": action} if wanted else {})})
        return self.answer(request, 200, {"transfer": "basic", "objects": objects})

    def transfer(self, request, claims, method, oid, body):
        time.sleep(self.pause)
        if method == "PUT" and claims["Op"] == "upload" and hashlib.sha256(body).hexdigest() == oid:
            self.objects[oid] = body
            return self.answer(request, 200, {})
        if method == "GET" and oid in self.objects:
            return self.send(request, 200, "application/octet-stream", self.objects[oid])
        return self.answer(request, 403, {"message": "refused"})

    def answer(self, request, status, content):
        return self.send(request, status, CONTENT, json.dumps(content).encode())

    @staticmethod
    def send(request, status, kind, data):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
