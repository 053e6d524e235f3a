"""Who may ask, and whether the service is well."""
