"""What the clients in Python with git code of their own share: orders from standard input, answers to standard output."""

import os
import sys


def serve(clone, fetch, push) -> None:
    """Carries out clone URL DIR, fetch DIR and push DIR REFSPEC until the input ends, each with a connection of its own."""
    orders = {"clone": clone, "fetch": fetch, "push": push}
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        word, *arguments = line.rstrip("\n").split("\t")
        try:
            orders[word](*arguments)
            print("ok", file=answers)
        except Exception as error:
            print(f"failed: {type(error).__name__}: {error}".replace("\n", " | "), file=answers)
