"""The only code that talks to ClickHouse: embedded or a server, behind one Protocol."""
