"""PostgreSQL: addresses without secrets in sight, one snapshot to read from, one transaction to write in. Only here psycopg."""
