-- Everything below is schema-qualified; the path only has to be safe.
SET LOCAL search_path TO pg_catalog, pg_temp;
