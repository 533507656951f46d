"""The revisions, named by the schema version that they make."""
