"""Simulated viewers: seeded sessions as native or CMCD batches, sent to a service or written to a file."""
