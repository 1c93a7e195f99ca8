// In GOPATH mode this lets import paths with a version in them find Debian's packages of Go sources.
module gerve/go_git
