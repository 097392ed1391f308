"""Raw to tables (dbt), and read-only questions to what was built."""
