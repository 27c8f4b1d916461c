"""A model server, what it records, who checks that, and a Prometheus that scrapes both."""
