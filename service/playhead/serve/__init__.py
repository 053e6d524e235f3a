"""Questions to answers: the admin API."""
