// Git by go-git and Go's own SSH: main KEY, orders on standard input (see own_git.py).
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

func carryOut(words []string, key *ssh.PublicKeys) error {
	switch words[0] {
	case "clone":
		_, err := git.PlainClone(words[2], true, &git.CloneOptions{URL: words[1], Auth: key})
		return err
	case "fetch":
		repository, err := git.PlainOpen(words[1])
		if err != nil {
			return err
		}
		return repository.Fetch(&git.FetchOptions{Auth: key})
	case "push":
		repository, err := git.PlainOpen(words[1])
		if err != nil {
			return err
		}
		return repository.Push(&git.PushOptions{RefSpecs: []config.RefSpec{config.RefSpec(words[2])}, Auth: key})
	}
	return fmt.Errorf("unknown order %q", words[0])
}

func main() {
	key, err := ssh.NewPublicKeysFromFile("git", os.Args[1], "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		if err := carryOut(strings.Split(orders.Text(), "\t"), key); err != nil {
			fmt.Println("failed:", strings.ReplaceAll(err.Error(), "\n", " | "))
		} else {
			fmt.Println("ok")
		}
	}
}
