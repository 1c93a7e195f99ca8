"""What Gerve tells a git client, to the byte, as the reference documentation has it."""

import re

UNKNOWN_COMMAND = (
    "ERROR: Unknown command. Gerve runs git-upload-pack, git-receive-pack and git-upload-archive.\n"
)
NOT_FOUND = "ERROR: Repository not found.\n"
INVALID_PATH = (
    "ERROR: Invalid repository path. The form is OWNER/NAME, as in git@HOST:OWNER/NAME.git or "
    "ssh://git@HOST/OWNER/NAME.git.\n"
)
SUSPENDED = "ERROR: Your account is suspended.\n"
KILLED = "ERROR: This session was ended by an administrator.\n"
WITHDRAWN = "ERROR: Your access was withdrawn.\n"

CANNOT_CHECK = re.compile(
    r"ERROR: Gerve cannot check your access right now\. Try again in a minute\. \(request [0-9a-f]{32}\)\n"
)
CONNECTION_LOST = re.compile(
    r"ERROR: The connection to the file server was lost\. \(request [0-9a-f]{32}\)\n"
)


def greeting(who: str) -> str:
    """who: a login, or OWNER/REPO of a deploy key."""
    return f"Hi {who}! You've successfully authenticated, but Gerve does not provide shell access.\n"


def write_denied(repository: str, who: str) -> str:
    return f"ERROR: Permission to {repository} denied to {who}.\n"


def archived(repository: str) -> str:
    return f"ERROR: {repository} is archived and read-only.\n"


def fetch_only(repository: str) -> str:
    return (
        f"ERROR: {repository} can only be fetched: its file server is a git daemon. To push or archive, ask the "
        "operator to put an agent (gerve-agent) there.\n"
    )


def moved(old: str, new: str) -> str:
    return f"remote: {old} has moved to {new}\n"


def server_not_answering(owner: str) -> re.Pattern:
    return re.compile(
        rf"ERROR: The file server for {re.escape(owner)} is not answering\. Try again in a minute\. "
        r"\(request [0-9a-f]{32}\)\n"
    )
