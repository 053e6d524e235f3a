"""Real servers for tests: started, waited for, killed and started again."""
