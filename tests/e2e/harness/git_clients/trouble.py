"""How an order to a git client can fail."""


class ClientFailed(Exception):
    """The client ended the order with an error; its text tells which."""


class ClientHangs(ClientFailed):
    """The order was not over in time, and the client was killed."""
