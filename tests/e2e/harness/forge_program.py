#!/usr/bin/python3 -IS
"""The program of a forge that does not exist, as its hooks run it: `PROGRAM hook --config=APP_INI NAME`.

It goes by the variables, asks the internal API and prints the texts that a Forgejo's does, as far as a push shows it,
and records each call in record.jsonl beside app.ini. A copy of this file is what stands in for /usr/local/bin/forgejo.
It starts several times in a push, so it imports little."""

import json
import os
import pwd
import socket
import sys

CANNOT_CONNECT = "Internal Server Connection Error"
NO_TEXT = "Internal Server Error (no message for end users)"


def refuse(text: str) -> None:
    sys.stderr.write(f"Forgejo: {text}\n")
    sys.exit(1)


def read_ini(file: str) -> dict:
    """KEY of [SECTION] as "SECTION.KEY"; of the top as "KEY"."""
    values, section = {}, ""
    with open(file, encoding="utf-8") as lines:
        for line in map(str.strip, lines):
            if line.startswith("["):
                section = line[1:-1] + "."
            elif "=" in line:
                key, _, value = line.partition("=")
                values[section + key.strip()] = value.strip().strip("`")
    return values


def ask(config: dict, call: str, body: dict) -> dict:
    """One call of the internal API. A forge that says nothing, or no, ends the hook."""
    host, _, port = config["server.LOCAL_ROOT_URL"].removeprefix("http://").split("/")[0].partition(":")
    variables = os.environ
    content = json.dumps(body)
    request = "\r\n".join([
        f"POST /api/internal/hook/{call}/{variables['GITEA_REPO_USER_NAME']}/{variables['GITEA_REPO_NAME']} HTTP/1.0",
        f"Host: {host}", "Authorization: Bearer " + config["security.INTERNAL_TOKEN"],
        "X-Real-IP: " + (variables.get("SSH_CONNECTION") or "127.0.0.1").split()[0],
        f"Content-Length: {len(content)}", "", content])
    answer = b""
    try:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request.encode())
            while more := connection.recv(65536):
                answer += more
        head, _, told = answer.decode().partition("\r\n\r\n")
        status, answered = head.split()[1], json.loads(told)
    except (OSError, IndexError, ValueError):
        refuse(CANNOT_CONNECT)
    if status != "200":
        refuse(answered.get("user_msg") or NO_TEXT)
    return answered


def options_of(lines: list[list[str]]) -> dict:
    variables = os.environ
    count = int(variables.get("GIT_PUSH_OPTION_COUNT", "0"))
    return {"OldCommitIDs": [line[0] for line in lines], "NewCommitIDs": [line[1] for line in lines],
            "RefFullNames": [line[2] for line in lines],
            "UserID": int(variables.get("GITEA_PUSHER_ID", "0")), "UserName": variables.get("GITEA_PUSHER_NAME", ""),
            "DeployKeyID": int(variables.get("GITEA_DEPLOY_KEY_ID", "0")),
            "PullRequestID": int(variables.get("GITEA_PR_ID", "0")),
            "GitPushOptions": dict(variables[f"GIT_PUSH_OPTION_{n}"].partition("=")[::2] for n in range(count)),
            "GitObjectDirectory": variables.get("GIT_OBJECT_DIRECTORY", ""),
            "GitAlternativeObjectDirectories": variables.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", ""),
            "GitQuarantinePath": variables.get("GIT_QUARANTINE_PATH", "")}


def pre_receive(config, lines) -> None:
    if os.environ.get("GITEA_INTERNAL_PUSH") == "true":
        return
    if not os.environ.get("SSH_ORIGINAL_COMMAND"):
        refuse("Rejecting changes as Forgejo environment not set. If you are pushing over SSH you must push with a "
               "key managed by Forgejo")
    if os.environ.get("GITEA_REPO_IS_WIKI") == "true":
        return
    ask(config, "pre-receive", options_of(lines))


def post_receive(config, lines) -> None:
    os.spawnvp(os.P_WAIT, "git", ["git", "update-server-info"])
    if os.environ.get("GITEA_INTERNAL_PUSH") == "true" or os.environ.get("GITEA_REPO_IS_WIKI") == "true":
        return
    for line in ask(config, "post-receive", options_of(lines)).get("messages", []):
        sys.stderr.write(line + "\n")


def read_packets(stream) -> list[bytes]:
    """To a flush packet."""
    packets = []
    while (size := int(stream.read(4), 16)) != 0:
        packets.append(stream.read(size - 4))
    return packets


def write_packets(*packets: str) -> None:
    for packet in packets:
        data = packet.encode()
        sys.stdout.buffer.write(f"{len(data) + 4:04x}".encode() + data)
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()


def proc_receive(config) -> dict:
    """githooks(5), proc-receive: version, then commands and push options."""
    stream = sys.stdin.buffer
    capabilities = read_packets(stream)[0].decode().strip("\n").partition("\0")[2].split()
    write_packets("version=1\0push-options\n" if "push-options" in capabilities else "version=1\n")
    lines = [packet.decode().strip("\n").split(" ", 2) for packet in read_packets(stream)]
    if "push-options" in capabilities:
        read_packets(stream)
    answer = ask(config, "proc-receive", options_of(lines))
    replies = []
    for result in answer["results"]:
        replies.append(f"ok {result['originalRef']}\n")
        replies.append(f"option refname {result['ref']}\n")
    write_packets(*replies)
    return {"lines": lines}


def main() -> None:
    _, verb, config_word, name, *words = sys.argv
    assert verb == "hook" and config_word.startswith("--config="), sys.argv
    app_ini = config_word.removeprefix("--config=")
    config = read_ini(app_ini)
    record = {"hook": name, "environment": dict(os.environ), "words": words, "directory": os.getcwd()}
    user = pwd.getpwuid(os.geteuid()).pw_name
    if not os.environ.get("HOME"):
        refuse("Failed to get home directory")
    if user != config["RUN_USER"]:
        refuse(f"Expect user '{config['RUN_USER']}' but current user is: {user}")
    lines = []
    if name in ("pre-receive", "post-receive"):
        lines = [line.split() for line in sys.stdin.read().splitlines()]
    record["lines"] = lines
    if name == "proc-receive":
        record |= proc_receive(config)
    with open(f"{os.path.dirname(app_ini)}/record.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    if name == "pre-receive":
        pre_receive(config, lines)
    if name == "post-receive":
        post_receive(config, lines)


if __name__ == "__main__":
    main()
