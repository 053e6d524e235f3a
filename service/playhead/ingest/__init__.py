"""Bytes in, rows stored: the protocols players speak, without a key and apart from everything that asks for one."""
