"""The machine of a forge that does not exist: its user, app.ini, HOME, program, repositories with their hooks, and its
internal API, which can be dead. The hooks' wrappers and what lies where are those of a Forgejo or Gitea."""

import json
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROGRAM = Path(__file__).with_name("forge_program.py")

APP_INI = """\
APP_NAME = nowhere
RUN_USER = {user}
[server]
ROOT_URL = http://forge.example/
LOCAL_ROOT_URL = http://127.0.0.1:{port}/
[repository]
ROOT = {root}
[git]
HOME_PATH = {home}
[security]
INTERNAL_TOKEN = `s3cret#token`
"""

GITCONFIG = """\
[receive]
\tprocReceiveRefs = refs/for
\tadvertisePushOptions = true
\thideRefs = refs/pull/
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[safe]
\tdirectory = *
[core]
\tquotePath = false
"""

WRAPPER = """\
#!/usr/bin/env bash
data=$(cat)
exitcodes=""
hookname=$(basename $0)
GIT_DIR=${GIT_DIR:-$(dirname $0)/..}
for hook in ${GIT_DIR}/hooks/${hookname}.d/*; do
  test -x "${hook}" && test -f "${hook}" || continue
  echo "${data}" | "${hook}"
  exitcodes="${exitcodes} $?"
done
for i in ${exitcodes}; do
  [ ${i} -eq 0 ] || exit ${i}
done
"""

UPDATE_WRAPPER = """\
#!/usr/bin/env bash
exitcodes=""
hookname=$(basename $0)
GIT_DIR=${GIT_DIR:-$(dirname $0/..)}
for hook in ${GIT_DIR}/hooks/${hookname}.d/*; do
  test -x "${hook}" && test -f "${hook}" || continue
  "${hook}" $1 $2 $3
  exitcodes="${exitcodes} $?"
done
for i in ${exitcodes}; do
  [ ${i} -eq 0 ] || exit ${i}
done
"""

HOOKS = ("pre-receive", "pre-receive.d/gitea", "update", "update.d/gitea", "post-receive", "post-receive.d/gitea",
         "proc-receive")


def run_user() -> str:
    """Whom the forge runs as: root's hooks refuse to run."""
    return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def as_run_user() -> list[str]:
    """What starts a program as that user, in front of its command line."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(run_user())
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


class InternalApi:
    """What the hooks ask. `decide(call, body)` gives status and answer; None: the connection is cut without one."""

    def __init__(self):
        self.calls: list[dict] = []
        self.decide = lambda call, body: (200, {})
        self.server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                call = self.path.split("/")[4]
                api.calls.append({"call": call, "path": self.path, "body": body, "address": self.headers["X-Real-IP"],
                                  "token": self.headers["Authorization"]})
                answer = api.decide(call, body)
                if answer is None:
                    self.close_connection = True
                    return
                content = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """From now on connections are refused."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def of(self, call: str) -> list[dict]:
        return [one for one in self.calls if one["call"] == call]


class ForgeMachine:
    """Everything below `directory`, which belongs to the forge's user."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="forge-")).resolve()
        self.directory.chmod(0o755)
        self.root, self.home = self.directory / "repositories", self.directory / "data" / "home"
        self.app_ini, self.program = self.directory / "app.ini", self.directory / "forgejo"
        self.api = InternalApi()
        for made in (self.root, self.home):
            made.mkdir(parents=True)
        (self.home / ".gitconfig").write_text(GITCONFIG)
        shutil.copy(PROGRAM, self.program)
        self.program.chmod(0o755)
        self.app_ini.write_text(APP_INI.format(user=run_user(), port=self.api.port, root=self.root, home=self.home))
        self.hand_over()

    def settings(self, kind="forgejo", version="12.0.4", more="") -> str:
        """The table of the agent's configuration."""
        return (f'[forge]\nkind = "{kind}"\nversion = "{version}"\napp_ini = "{self.app_ini}"\n'
                f'program = "{self.program}"\n{more}')

    def repository(self, path: str, wiki=False, object_format="sha1") -> Path:
        """As the forge makes one: lower case, bare, with its hooks."""
        place = self.root / (path.lower() + (".wiki.git" if wiki else ".git"))
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", "--template=",
                        f"--object-format={object_format}", str(place)], check=True)
        hooks = place / "hooks"
        for name in ("pre-receive", "update", "post-receive"):
            (hooks / f"{name}.d").mkdir(parents=True)
            self._hook(hooks / name, UPDATE_WRAPPER if name == "update" else WRAPPER)
            words = " $1 $2 $3" if name == "update" else ""
            self._hook(hooks / f"{name}.d" / "gitea",
                       f"#!/usr/bin/env bash\n'{self.program}' hook --config='{self.app_ini}' {name}{words}\n")
        (hooks / "proc-receive.d").mkdir()
        self._hook(hooks / "proc-receive",
                   f"#!/usr/bin/env bash\n'{self.program}' hook --config='{self.app_ini}' proc-receive\n")
        self.hand_over()
        return place

    @staticmethod
    def _hook(file: Path, script: str) -> None:
        file.write_text(script)
        file.chmod(0o755)

    def hand_over(self) -> None:
        """All of it to the forge's user."""
        if os.geteuid() != 0:
            return
        user = pwd.getpwnam(run_user())
        for directory, _, files in os.walk(self.directory):
            for name in [".", *files]:
                os.chown(os.path.join(directory, name), user.pw_uid, user.pw_gid, follow_symlinks=False)

    def records(self, hook: str | None = None) -> list[dict]:
        """The calls of the program, oldest first."""
        file = self.directory / "record.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [one for one in map(json.loads, lines) if hook in (None, one["hook"])]

    def forget(self) -> None:
        (self.directory / "record.jsonl").unlink(missing_ok=True)
        self.api.calls.clear()
        self.api.decide = lambda call, body: (200, {})

    def files_in(self, place: Path) -> dict:
        """Every file of a repository, and when it was last changed."""
        return {str(file.relative_to(place)): file.stat().st_mtime_ns for file in sorted(place.rglob("*"))
                if stat.S_ISREG(file.lstat().st_mode)}

    def close(self) -> None:
        self.api.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
