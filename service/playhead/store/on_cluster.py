"""Statements for all nodes of a cluster at once, where a Keeper passes them on and replicates what tables hold."""

import re

_NAME = r"[`\w.]+"
_HEADS = (
    rf"CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|(?:MATERIALIZED\s+)?VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}",
    rf"CREATE\s+DATABASE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}",
    rf"DROP\s+(?:TABLE|VIEW|DATABASE)\s+(?:IF\s+EXISTS\s+)?{_NAME}",
    rf"(?:ALTER|TRUNCATE)\s+TABLE\s+{_NAME}",
)
_COMMENTS = r"(?:\s*--[^\n]*\n)*\s*"
_HEAD = re.compile(rf"\A({_COMMENTS}(?:{'|'.join(_HEADS)}))", re.IGNORECASE)
_ENGINE = re.compile(r"(\bENGINE\s*=\s*)(\w*MergeTree\b)")


def on_cluster(sql: str, cluster: str) -> str:
    """Return `sql` for all nodes of `cluster`, its tables replicated; a statement about rows is returned as it is.

    Replicas find each other by the server's default_replica_path, which has the table's UUID in it: CREATE OR REPLACE
    makes another table.
    """
    head = _HEAD.match(sql)
    if head is None:
        return sql
    rest = _ENGINE.sub(r"\1Replicated\2", sql[head.end() :], count=1)
    return f"{head[1]} ON CLUSTER {cluster}{rest}"
