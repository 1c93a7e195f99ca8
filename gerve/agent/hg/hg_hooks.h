// What a session of Mercurial is configured with: its settings, and the hooks in Python that they name. hg
// finds them as descriptors 3 and 4, and the file for its notes as 5.
#pragma once

#include <string_view>

namespace gerve::hg {

// A .hg/hgrc of root's counts like one of the agent's user, as for git. About any other hg would warn the
// client, with the path on this machine.
inline constexpr std::string_view settings_of_all =
    "[trusted]\n"
    "users = root\n"
    "[ui]\n"
    "report_untrusted = False\n";

// hg says nothing about settings that it cannot read (no /proc, a wrapper that closes descriptors, a
// shortage), and would serve without these hooks, to readers too. So it finds /dev/null as its input, and the
// client's as descriptor 6; the hook on `pre-serve` exchanges them when all else is done.
inline constexpr std::string_view module_of_all =
    R"python(import os
import re

from mercurial import error, wireprotov1server


def confine_large_files(repo):
    """largefiles makes a path of what the client gives as a hash, and sends the file there. Its cache is one for all
    repositories in the home directory, which is not there: the repository's own store takes its place."""
    repo.ui.setconfig(b'largefiles', b'usercache', repo.vfs.join(b'largefiles'), b'gerve')
    for name in (b'getlfile', b'putlfile', b'statlfile'):
        entry = wireprotov1server.commands.get(name)
        if entry:
            entry.func = with_checked_hash(entry.func)


def with_checked_hash(serve):
    def serve_checked(repo, proto, sha):
        if not re.fullmatch(b'[0-9a-f]{40}', sha):
            raise error.Abort(b'malformed hash of a large file')
        return serve(repo, proto, sha)

    return serve_checked


def serve_client(repo):
    confine_large_files(repo)
    os.dup2(6, 0)
    os.close(6)


)python";

// hg's settings, and the module of its hooks, each behind the part that readers and writers share. A hook
// that cannot be loaded ends what it hooks on; that of `pre-serve` the session.
struct Hooks {
    std::string_view settings;
    std::string_view module;
};

// Commands that write say so to Mercurial ("push"); those of extensions, which may write without a
// transaction, do too. The other two hooks are a second net, for what would write all the same.
inline constexpr Hooks reader_hooks{
    "[hooks]\n"
    "pre-serve.gerve = python:/dev/fd/4:guard\n"
    "pretxnopen.gerve = python:/dev/fd/4:refuse\n"
    "prepushkey.gerve = python:/dev/fd/4:refuse\n",
    R"python(from mercurial import wireprototypes


def told():
    return os.environb[b'GERVE_WRITE_REFUSAL']


def refuse(ui, repo, **kwargs):
    raise error.Abort(told())


def guard(ui, repo, **kwargs):
    for entry in wireprotov1server.commands.values():
        if entry.permission not in (b'pull', 'pull'):
            entry.func = lambda repo, proto, *args: wireprototypes.ooberror(told())
    serve_client(repo)
)python"};

inline constexpr Hooks writer_hooks{
    "[hooks]\n"
    "pre-serve.gerve = python:/dev/fd/4:prepare\n"
    "txnclose.gerve = python:/dev/fd/4:note\n"
    "txnclose-bookmark.gerve = python:/dev/fd/4:note_bookmark\n",
    R"python(from mercurial import bundle2, changegroup, exchange, wireprotoserver

NOTHING = b'0' * 40
MOST_NOTED = 1 << 20


def prepare(ui, repo, **kwargs):
    refuse_what_no_client_pushes()
    tell_early_end()
    note_that_writing_begins()
    serve_client(repo)


def refuse_what_no_client_pushes():
    """hg takes from a push also the parts that are for clients that pull: a URL that it would fetch, past the size
    limits and from inside the network; and files of the store, past every hook. A compressed bundle may
    have any size once it is decompressed."""
    for part in list(bundle2.parthandlermapping):
        if part.startswith((b'remote-', b'stream')):
            del bundle2.parthandlermapping[part]
    read = exchange.readbundle

    def readbundle(*args, **kwargs):
        bundle = read(*args, **kwargs)
        if not isinstance(bundle, (changegroup.cg1unpacker, bundle2.unbundle20)) or bundle.compressed():
            raise error.Abort(b'a push must not be compressed')
        return bundle

    exchange.readbundle = readbundle


def tell_early_end():
    """The input of a push that is too large is cut: one line, and no traceback."""
    handler = wireprotoserver.sshv1protocolhandler
    read = handler.getpayload

    def getpayload(self):
        try:
            yield from read(self)
        except ValueError:
            raise error.Abort(b'the push ended early')

    handler.getpayload = getpayload


def note_that_writing_begins():
    """A session that has written nothing is ended when its client goes. Noted once: a client may send any number of
    commands, and what they do has to find room behind it."""
    for entry in wireprotov1server.commands.values():
        if entry.permission not in (b'pull', 'pull'):
            entry.func = noted(entry.func)


def noted(serve):
    def serve_noted(repo, proto, *args):
        with open('/dev/fd/5', 'ab') as notes:
            if notes.tell() == 0:
                notes.write(b'begins\n')
        return serve(repo, proto, *args)

    return serve_noted


def write(old, new, name):
    """The client chose the name; a line that RefChange::parse does not take would be no note."""
    name = name[:1024].replace(b'\n', b' ').replace(b'\0', b' ')
    with open('/dev/fd/5', 'ab') as notes:
        if notes.tell() < MOST_NOTED:
            notes.write(b'taken no - %s %s %s\n' % (old, new, name))


def note(ui, repo, node=None, node_last=None, phases_moved=None, **kwargs):
    tip = repo[b'tip'].hex()
    if node:
        write(NOTHING, node_last or tip, b'changesets')
    elif phases_moved:
        write(tip, tip, b'phases')


def note_bookmark(ui, repo, bookmark=None, oldnode=None, node=None, **kwargs):
    write(oldnode or NOTHING, node or NOTHING, b'bookmarks/' + bookmark)
)python"};

}  // namespace gerve::hg
