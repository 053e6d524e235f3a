"""What can go wrong with a server before a test has even begun."""


class ServerMissingError(Exception):
    """This machine cannot run the server; the text says what it lacks, to be read after "needs"."""


class ServerFailedError(Exception):
    """The server was started and did not become ready; the text ends with the last lines of its log."""
