"""Connections to a server that take no answer for whole whose end nobody told.

Python's HTTP client takes the end of a connection for the end of the headers, and what then has no length for an empty
answer: of a database that died, or a network that broke, in the middle of the headers, one would read that a question
has no rows, and that an insert is stored.
"""

from http.client import HTTPConnection as HttpClientConnection
from typing import Any

import urllib3
from clickhouse_connect.driver.httputil import check_env_proxy, get_pool_manager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ProtocolError

NO_BODY = frozenset({204, 304})


class _Whole(HttpClientConnection):
    def getresponse(self) -> Any:
        """Return the response; raises ProtocolError where it does not say how long it is."""
        response: Any = super().getresponse()  # urllib3's, which knows more than that of http.client.
        # By what was understood of it: the value of a header may be what is cut.
        is_told = response.chunked or response.length_remaining is not None
        if not is_told and response.status not in NO_BODY:
            response.close()
            raise ProtocolError("the answer ended before it said how long it is")
        return response


class _WholeConnection(_Whole, HTTPConnection):
    pass


class _WholeTlsConnection(_Whole, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _WholeConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WholeTlsConnection


def open_pool_manager(scheme: str, host: str, port: int, connections: int, **options: Any) -> urllib3.PoolManager:
    """Return a manager of at most so many connections; `options` are those of clickhouse-connect's get_pool_manager."""
    options |= {"maxsize": connections, f"{scheme}_proxy": check_env_proxy(scheme, host, port)}
    manager: urllib3.PoolManager = get_pool_manager(**options)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
