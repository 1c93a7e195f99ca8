#!/usr/bin/python3
"""Stands in for ssh: carries what git says over GRV1. `GRV1_SITE` is a JSON file: address, key, audience, …"""

import json
import os
import re
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grv1  # noqa: E402


def main() -> int:
    with open(os.environ["GRV1_SITE"], encoding="utf-8") as file:
        site = json.load(file)
    verb, path = re.fullmatch(r"git-([a-z-]+) '/?(.*)'", sys.argv[-1]).groups()
    service = {"upload-pack": grv1.UPLOAD_PACK, "receive-pack": grv1.RECEIVE_PACK,
               "upload-archive": grv1.UPLOAD_ARCHIVE}[verb]
    message = grv1.Open(service, path, site["audience"], env=site["env"], config=site["config"],
                        repo_id=site["repo_id"], git_protocol=os.environ.get("GIT_PROTOCOL"),
                        extra=[(kind, bytes.fromhex(value)) for kind, value in site["extra"]])
    key = None
    if site["key"]:
        key = grv1.TicketKey()
        key.id, key.secret = bytes.fromhex(site["key"][0]), bytes.fromhex(site["key"][1])
    address = site["address"]
    session = grv1.Session(address if isinstance(address, str) else tuple(address), message.encode(key), 300)
    threading.Thread(target=send_input, args=(session,), daemon=True).start()
    while session.exit is None:
        try:
            session.step()
        except grv1.Failed as failed:
            sys.stderr.write(f"{failed}\n")
            return 128
        except grv1.Ended:
            sys.stderr.write("connection lost\n")
            return 128
        write(1, session.stdout)
        write(2, session.stderr)
        session.stdout.clear()
        session.stderr.clear()
    return session.status if session.exit[1] == 0 else 128


def write(number: int, data: bytearray) -> None:
    left = memoryview(bytes(data))
    while left:
        left = left[os.write(number, left):]


def send_input(session) -> None:
    while data := os.read(0, 65536):
        session.write(data)
    session.end_input()


if __name__ == "__main__":
    code = main()
    os._exit(code)
