# Sourced by the tests of git-lfs after their own t/testhelpers.sh: the server is Gerve, not their lfstest-gitserver.
# tests/borrowed/git-lfs sets the variables GERVE_….

# git-lfs leaves a directory here for each ssh that it starts. Theirs is too long for the name of a socket.
export TMPDIR="$GERVE_TEMPORARY"

gerve() {
  "$GERVE_PROGRAM" --state "$GERVE_STATE" "$@"
}

# The tests read the address of their server from these files, which it writes.
setup() {
  mkdir -p "$CREDSDIR" "$TESTHOME"
  echo "$GERVE_URL" | tee "$LFS_URL_FILE" "$LFS_SSL_URL_FILE" > "$LFS_CLIENT_CERT_URL_FILE"
  export HOME="$TESTHOME"
  if [ ! -f "$HOME/.gitconfig" ]; then
    git lfs install --skip-repo
    git config --global user.name "$GERVE_OWNER"
    git config --global user.email "git-lfs@example.com"
    git config --global init.defaultBranch main
    git config --global --add safe.directory '*'
  fi
}

shutdown() {
  rm -rf "$TRASHDIR"
}

setup_pure_ssh() {
  :
}

# Tests look into it.
setup_remote_repo() {
  local repodir="$REMOTEDIR/$1.git"
  if [ ! -e "$repodir" ]; then
    gerve repo create "$GERVE_OWNER/$1" --public
    mkdir -p "$(dirname "$repodir")"
    ln -s "$(find "$GERVE_STATE" -type d -path "*/$GERVE_OWNER/$1.git" -prune)" "$repodir"
  fi
  cd "$repodir"
}

# Their server makes a repository when it is cloned.
eval "their_$(declare -f clone_repo)"
clone_repo() {
  (setup_remote_repo "$1")
  their_clone_repo "$@"
}

ssh_remote() {
  echo "$GERVE_URL/$1.git"
}

server_object() {
  echo "$REMOTEDIR/$1.git/lfs/objects/${2:0:2}/${2:2:2}/$2"
}

assert_server_object() {
  touch http.log http.json # some tests remove them
  [ "$(calc_oid_file "$(server_object "$1" "$2")")" = "$2" ]
}

refute_server_object() {
  touch http.log http.json
  [ ! -e "$(server_object "$1" "$2")" ]
}

delete_server_object() {
  rm "$(server_object "$1" "$2")"
}

# Where a test finds no id, it calls this without one, and theirs finds nothing wrong.
assert_server_lock() {
  touch http.log http.json
  [ -z "$2" ] || gerve lfs locks "$GERVE_OWNER/$1" --json | grep "\"$2\""
}

refute_server_lock() {
  touch http.log http.json
  ! gerve lfs locks "$GERVE_OWNER/$1" --json | grep "\"$2\""
}

# Theirs quotes the path, which git-lfs itself does not.
check_server_lock_ssh() {
  (
    pktize_text 'version 1'
    pktize_flush
    pktize_text 'list-lock'
    pktize_text "id=$2"
    pktize_flush
    pktize_text 'quit'
    pktize_flush
  ) | lfs-ssh-echo git@127.0.0.1 "git-lfs-transfer $GERVE_OWNER/$1.git download" 2>&1
}
