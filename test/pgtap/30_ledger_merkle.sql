-- The RFC 6962 tree against foreign vectors (test/vectors/merkle/SOURCE.md), and our own proofs
-- against our own roots.
\set reference `cat test/vectors/merkle/rfc6962_reference_tree.json`
\set inclusion `cat test/vectors/merkle/rfc6962_inclusion_a.json`
BEGIN;
SELECT plan(66);

CREATE TEMP TABLE leaf AS
	SELECT n, sha256('\x00'::bytea || decode(hex, 'hex')) AS hash
	  FROM jsonb_array_elements_text(:'reference'::jsonb -> 'leaf_inputs_hex') WITH ORDINALITY AS l (hex, n);

SELECT is(encode(usdtpay_internal.merkle_root((SELECT coalesce(array_agg(hash ORDER BY n), '{}') FROM leaf WHERE n < size)), 'hex'),
		root, format('reference root over %s leaves', size - 1))
  FROM jsonb_array_elements_text(:'reference'::jsonb -> 'roots_by_size') WITH ORDINALITY AS r (root, size);

-- Indexes and sizes beyond bigint cannot be asked of us; those cases all expect a refusal.
CREATE TEMP TABLE proof AS
	SELECT c ->> 'file' AS file, (c ->> 'wantErr')::boolean AS bad, (c ->> 'leafIdx')::numeric AS idx, (c ->> 'treeSize')::numeric AS size,
		decode(c ->> 'leafHash', 'base64') AS leaf, decode(c ->> 'root', 'base64') AS root,
		ARRAY(SELECT decode(p, 'base64') FROM jsonb_array_elements_text(
			CASE jsonb_typeof(c -> 'proof') WHEN 'array' THEN c -> 'proof' ELSE '[]' END) p) AS path
	  FROM jsonb_array_elements(:'inclusion'::jsonb) c;
SELECT is((SELECT count(*) FROM proof), 53::bigint, 'there are 53 inclusion proofs');
SELECT is_empty($$SELECT file FROM proof WHERE greatest(idx, size) > 9223372036854775807 AND NOT bad$$, 'what bigint cannot hold is refused by the vectors');

CREATE FUNCTION pg_temp.holds(p proof) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN usdtpay.ledger_proof_check(p.leaf, p.idx::bigint, p.size::bigint, p.path, p.root);
EXCEPTION WHEN SQLSTATE 'UP000' THEN
	RETURN false; -- a step of the path is no hash
END
$$;
SELECT is(pg_temp.holds(p), NOT bad, file) FROM proof p WHERE greatest(idx, size) <= 9223372036854775807;

CREATE TEMP TABLE own AS SELECT n, array_agg(sha256(int8send(n * 1000 + i)) ORDER BY i) AS hashes
	FROM generate_series(1, 40) n, generate_series(1, n) i GROUP BY n;
SELECT is_empty(
	$$SELECT n, i FROM own, generate_series(1, n) i
	   WHERE NOT usdtpay.ledger_proof_check(hashes[i], i - 1, n, usdtpay_internal.merkle_path(hashes, i - 1), usdtpay_internal.merkle_root(hashes))$$,
	'every leaf of trees of 1 to 40 leaves is proved');
SELECT is_empty(
	$$SELECT n, i FROM own, generate_series(1, n) i
	   WHERE n > 1 AND usdtpay.ledger_proof_check(hashes[i % n + 1], i - 1, n, usdtpay_internal.merkle_path(hashes, i - 1), usdtpay_internal.merkle_root(hashes))$$,
	'no other leaf is');
SELECT throws_ok($$SELECT usdtpay_internal.merkle_root('{"\\x00"}')$$, 'UP000', 'hash must have 32 octets', 'a short hash is refused');
SELECT throws_ok($$SELECT usdtpay_internal.merkle_path('{}', 0)$$, 'UP000', 'leaf index out of range', 'a leaf that is not there has no path');

SELECT * FROM finish();
ROLLBACK;
