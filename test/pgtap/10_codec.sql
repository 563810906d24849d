-- Primitives: derivation, addresses, hashes, signatures, QR codes, typed data, and every refusal.
-- Vectors: test/vectors/*/SOURCE.md.
\set typed `cat test/vectors/evm_crypto/ethers_v6_typed_data.json`
\set hashes `cat test/vectors/evm_crypto/ethers_v6_hashes.json`
\set bip44 `cat test/vectors/hd_wallet/generated_bip44_eth_tron_a.json`
\set bip32 `cat test/vectors/hd_wallet/bip32_official.json`
\set accounts `cat test/vectors/evm_crypto/ethers_v6_accounts.json`
\set tron `cat test/vectors/tron/wallet_core_addresses.json`

BEGIN;
SELECT plan(88);

-- The account key m/44'/60'/0' of the first generated wallet, and its private twin.
CREATE TEMP VIEW k AS
	SELECT 'xpub6DQ3nAg5eZPdmA5iLR5rXwcZ5onQgRQojK4X4Ls9PzB4Z5z3V6mA8jTc9QvtzsB2MWkECCnLzsHGQRrEpqPYqffUFeDxjPBhuwNT2hb3T7f' AS pub,
	       'xprv9zQhNf9BpBqLYg1FEPYrAofpXmwvGxgxN68vFxTXqee5gHetwZSuaw98J9roMSzzQPaqbfpkB9i467VWSTWGMTzdvefyBsgA4UcMMyWEo3y' AS prv;

\ir lib/complaint.sql

-- address_derive

CREATE TEMP TABLE derive AS
	SELECT f.family, w -> f.key ->> 'xpub' AS xpub, (a ->> 'index')::bigint AS idx, a ->> 'address' AS address
	  FROM jsonb_array_elements(:'bip44'::jsonb) w,
	       (VALUES ('evm', 'eth'), ('tron', 'tron')) f(family, key),
	       jsonb_array_elements(w -> f.key -> 'addresses') a
	 WHERE (a ->> 'change')::int = 0;
SELECT is(count(*), 48::bigint, 'derive: there are 48 cases') FROM derive;
SELECT is_empty($$SELECT * FROM derive WHERE usdtpay.address_derive(xpub, family, idx) <> address$$,
	'derive: every generated address of both families, up to index 2147483647');
SELECT is_empty($$SELECT * FROM derive
	 WHERE usdtpay_internal.address_derive_raw(xpub, idx) <> usdtpay.address_bytes(family, address)$$,
	'derive: the raw form gives the same 20 bytes');
SELECT is(usdtpay.address_derive(xpub => pub, family => 'evm', idx => 0),
	'0xF820e2b351Efb11A050bdd99107F2b646a94F244', 'derive: arguments have names') FROM k;
SELECT is(usdtpay.address_derive(NULL, 'evm', 0), NULL, 'derive: null in, null out');
SELECT throws_ok($$SELECT usdtpay.address_derive(pub, 'evm', -1) FROM k$$, 'UP000',
	'address index out of range', 'derive: refuses index -1');
SELECT throws_ok($$SELECT usdtpay.address_derive(pub, 'evm', 2147483648) FROM k$$, 'UP000',
	'address index out of range', 'derive: refuses a hardened index');
SELECT throws_ok($$SELECT usdtpay_internal.address_derive_raw(pub, 2147483648) FROM k$$, 'UP000',
	'address index out of range', 'derive: so does the raw form');
SELECT throws_ok($$SELECT usdtpay.address_derive(pub, 'EVM', 0) FROM k$$, 'UP001',
	'unknown address family', 'derive: refuses an unknown family');
SELECT throws_ok($$SELECT usdtpay.address_derive('', 'evm', 0)$$, 'UP002',
	'malformed extended public key', 'derive: refuses an empty key');
SELECT throws_ok($$SELECT usdtpay.address_derive(pub || ' ', 'evm', 0) FROM k$$, 'UP002',
	'malformed extended public key', 'derive: refuses a blank behind the key');
SELECT throws_ok($$SELECT usdtpay.address_derive(overlay(pub placing 'z' from 60), 'evm', 0) FROM k$$,
	'UP002', 'extended public key has a wrong checksum', 'derive: refuses a wrong letter');
SELECT throws_ok($$SELECT usdtpay.address_derive('TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'tron', 0)$$,
	'UP002', 'malformed extended public key', 'derive: an address is no key');
SELECT throws_ok($$SELECT usdtpay.address_derive(prv, 'evm', 0) FROM k$$, 'UP002',
	'this is a private key', 'derive: refuses a private key');

-- No message ever repeats a key.
SELECT matches(pg_temp.complaint($$SELECT usdtpay.address_derive(prv, 'evm', 0) FROM k$$),
	'^UP002 .*xpub.*exposed', 'private key: the hint says what to give and what to do');
SELECT is_empty($$
	SELECT f FROM k, unnest(ARRAY[
	    format('SELECT usdtpay.address_derive(%L, ''evm'', 0)', prv),
	    format('SELECT usdtpay.address_derive(%L, %L, 0)', pub, prv),
	    format('SELECT usdtpay_internal.address_derive_raw(%L, 0)', prv),
	    format('SELECT usdtpay.xpub_info(%L)', prv),
	    format('SELECT usdtpay.xpub_info(%L)', overlay(prv placing 'zz' from 30)),
	    format('SELECT usdtpay.address_bytes(''evm'', %L)', prv),
	    format('SELECT usdtpay.address_bytes(''tron'', %L)', prv),
	    format('SELECT usdtpay.address_text(%L, %L)', prv, '\x00'),
	    format('SELECT usdtpay.address_bytes(''evm'', %L)', '0x' || repeat('ab', 32))]) f
	 WHERE pg_temp.complaint(f) !~ '^UP00[12] '
	    OR pg_temp.complaint(f) ~ 'xprv9|QPaqbfpkB9|abababab'$$,
	'private key: refused everywhere and never repeated in message, detail or hint');

-- xpub_info

SELECT results_eq($$SELECT i.* FROM k, usdtpay.xpub_info(pub) i$$,
	$$VALUES (3, 2147483648, '\x0b3692c1'::bytea, '\xed92af6d'::bytea, 'mainnet')$$,
	'xpub_info: an account key');
SELECT results_eq(
	format($$SELECT depth, child_number, encode(fingerprint, 'hex'), encode(parent_fingerprint, 'hex'), network
	           FROM usdtpay.xpub_info(%L)$$, :'bip32'::jsonb #>> '{vectors,0,chains,0,xpub}'),
	$$VALUES (0, 0::bigint, '3442193e', '00000000', 'mainnet')$$,
	'xpub_info: the master key of BIP32 vector 1');
SELECT is((usdtpay.xpub_info(:'bip32'::jsonb #>> '{vectors,0,chains,1,xpub}')).parent_fingerprint,
	'\x3442193e'::bytea, 'xpub_info: its child names it as the parent');
SELECT is((usdtpay.xpub_info('tpubD6NzVbkrYhZ4XgiXtGrdW5XDAPFCL9h7we1vwNCpn8tGbBcgfVYjXyhWo4E1xkh56hjod1RhGjxbaTLV3X4FyWuejifB9jusQ46QzG87VKp')).network,
	'testnet', 'xpub_info: a tpub');
CREATE TEMP TABLE invalid AS
	SELECT x ->> 'key' AS key, x ->> 'reason' AS reason
	  FROM jsonb_array_elements(:'bip32'::jsonb -> 'invalid_extended_keys') x;
SELECT is(count(*), 16::bigint, 'xpub_info: BIP32 lists 16 invalid keys') FROM invalid;
SELECT is_empty($$SELECT key FROM invalid
	 WHERE pg_temp.complaint(format('SELECT usdtpay.xpub_info(%L)', key)) !~ '^UP002 '$$,
	'xpub_info: refuses every one of them');
SELECT throws_ok($$SELECT usdtpay.xpub_info(
    'zpub6jftahH18ngZxLmXaKw3GSZzZsszmt9WqedkyZdezFtWRFBZqsQH5hyUmb4pCEeZGmVfQuP5bedXTB8is6fTv19U1GQRyQUKQGUTzyHACMF')$$,
	'UP002', 'unsupported kind of extended key', 'xpub_info: refuses a zpub');

-- address_bytes and address_text

SELECT is_empty(format($$
	SELECT a FROM jsonb_array_elements(%L::jsonb) a
	 WHERE usdtpay.address_text('evm', usdtpay.address_bytes('evm', a ->> 'address')) <> a ->> 'address'
	    OR usdtpay.address_bytes('evm', lower(a ->> 'address')) <> decode(substr(a ->> 'address', 3), 'hex')$$,
	:'accounts'), 'address: 259 EVM accounts, there and back');
SELECT is(jsonb_array_length(:'accounts'::jsonb), 259, 'address: and there are 259');
SELECT is(usdtpay.address_bytes('evm', '0xDAC17F958D2EE523A2206206994597C13D831EC7'),
	'\xdac17f958d2ee523a2206206994597c13d831ec7'::bytea, 'address: upper case alone is no checksum');
SELECT is(usdtpay.address_text('evm', '\xdac17f958d2ee523a2206206994597c13d831ec7'),
	'0xdAC17F958D2ee523a2206206994597C13D831ec7', 'address: EIP-55 out');
SELECT is(usdtpay.address_bytes('tron', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'),
	'\xa614f803b6fd780986a42c78ec9c7f77e6ded13c'::bytea, 'address: base58check in');
SELECT is(usdtpay.address_bytes('tron', '41a614f803b6fd780986a42c78ec9c7f77e6ded13c'),
	'\xa614f803b6fd780986a42c78ec9c7f77e6ded13c'::bytea, 'address: TRON''s hex form in');
SELECT is(usdtpay.address_text('tron', '\xa614f803b6fd780986a42c78ec9c7f77e6ded13c'),
	'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'address: base58check out');
SELECT is(usdtpay.address_text('tron', decode(repeat('00', 20), 'hex')),
	'T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb', 'address: TRON''s zero address');
SELECT is_empty(format($$SELECT a FROM jsonb_array_elements_text(%L::jsonb -> 'valid') a
	 WHERE usdtpay.address_text('tron', usdtpay.address_bytes('tron', a)) <> a$$, :'tron'),
	'address: valid TRON addresses, there and back');
SELECT is_empty(format($$SELECT a FROM jsonb_array_elements_text(%L::jsonb -> 'invalid') a
	 WHERE pg_temp.complaint(format('SELECT usdtpay.address_bytes(''tron'', %%L)', a)) !~ '^UP001 '$$, :'tron'),
	'address: invalid TRON addresses are refused');
SELECT throws_ok($$SELECT usdtpay.address_bytes('evm', '0xdAC17F958D2ee523a2206206994597C13D831eC7')$$,
	'UP001', 'address has a wrong checksum', 'address: one letter of wrong case');
SELECT throws_ok($$SELECT usdtpay.address_bytes('tron', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u')$$,
	'UP001', 'address has a wrong checksum', 'address: one wrong letter');
SELECT throws_ok($$SELECT usdtpay.address_bytes('evm', 'dAC17F958D2ee523a2206206994597C13D831ec7')$$,
	'UP001', 'malformed EVM address', 'address: refuses a missing 0x');
SELECT throws_ok($$SELECT usdtpay.address_bytes('evm', '0xdAC17F958D2ee523a2206206994597C13D831ec')$$,
	'UP001', 'malformed EVM address', 'address: refuses 39 digits');
SELECT throws_ok($$SELECT usdtpay.address_bytes('evm', '0xdAC17F958D2ee523a2206206994597C13D831ecg')$$,
	'UP001', 'malformed EVM address', 'address: refuses a letter that is no digit');
SELECT throws_ok($$SELECT usdtpay.address_bytes('evm', '')$$,
	'UP001', 'malformed EVM address', 'address: refuses nothing');
SELECT throws_ok($$SELECT usdtpay.address_bytes('evm', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')$$,
	'UP001', 'TRON address given where an EVM address is wanted', 'address: TRON for evm');
SELECT throws_ok($$SELECT usdtpay.address_bytes('tron', '0xdAC17F958D2ee523a2206206994597C13D831ec7')$$,
	'UP001', 'EVM address given where a TRON address is wanted', 'address: EVM for tron');
SELECT throws_ok($$SELECT usdtpay.address_bytes('tron', '16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM')$$,
	'UP001', 'address belongs to another chain', 'address: Bitcoin for tron');
SELECT throws_ok($$SELECT usdtpay.address_bytes('evm', '16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM')$$,
	'UP001', 'address belongs to another chain', 'address: Bitcoin for evm');
SELECT matches(pg_temp.complaint($$SELECT usdtpay.address_bytes('evm', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')$$),
	'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t.*lost.*family ''tron''', 'address: the detail names it, the hint the remedy');
SELECT throws_ok($$SELECT usdtpay.address_bytes('bitcoin', '16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM')$$,
	'UP001', 'unknown address family', 'address: refuses an unknown family');
SELECT throws_ok($$SELECT usdtpay.address_text('solana', decode(repeat('00', 20), 'hex'))$$,
	'UP001', 'unknown address family', 'address: text refuses it too');
SELECT throws_ok($$SELECT usdtpay.address_text('evm', '\x00')$$,
	'UP001', 'an address has 20 bytes', 'address: refuses one byte');
SELECT throws_ok($$SELECT usdtpay.address_text('tron', decode('41' || repeat('00', 20), 'hex'))$$,
	'UP001', 'an address has 20 bytes', 'address: refuses 21 bytes');

-- keccak256 and recover_address

SELECT is_empty(format($$SELECT h FROM jsonb_array_elements(%L::jsonb) h
	 WHERE usdtpay.keccak256(decode(substr(h ->> 'data', 3), 'hex')) <> decode(substr(h ->> 'keccak256', 3), 'hex')$$,
	:'hashes'), 'keccak256: 129 vectors');
SELECT is(usdtpay.keccak256(''), '\xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'::bytea,
	'keccak256: of nothing');

-- ecrecover's example in the Ethereum documentation (precompile 0x01).
CREATE TEMP VIEW signed AS
	SELECT '\x456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3'::bytea AS digest,
	       '\x9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac80388256084f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada'::bytea AS rs;
SELECT is(usdtpay.recover_address(digest, rs || '\x1c'), '0x7156526fbD7a3C72969B54f64e42c10fbb768C8a',
	'recover_address: v = 28') FROM signed;
SELECT is(usdtpay.recover_address(digest, rs || '\x01'), '0x7156526fbD7a3C72969B54f64e42c10fbb768C8a',
	'recover_address: v = 1 is the same') FROM signed;
SELECT is(usdtpay.recover_address(digest, rs || '\x1b'), usdtpay.recover_address(digest, rs || '\x00'),
	'recover_address: 27 and 0 are the same') FROM signed;
SELECT isnt(usdtpay.recover_address(digest, rs || '\x00'), '0x7156526fbD7a3C72969B54f64e42c10fbb768C8a',
	'recover_address: the other v is another signer') FROM signed;
SELECT throws_ok($$SELECT usdtpay.recover_address(digest, rs || '\x02') FROM signed$$,
	'UP003', 'no key fits the signature', 'recover_address: refuses v = 2');
SELECT throws_ok($$SELECT usdtpay.recover_address(digest, rs || '\x25') FROM signed$$,
	'UP003', 'no key fits the signature', 'recover_address: refuses an EIP-155 v');
SELECT throws_ok($$SELECT usdtpay.recover_address(digest, rs) FROM signed$$,
	'UP003', 'a signature has 65 bytes', 'recover_address: refuses 64 bytes');
SELECT throws_ok($$SELECT usdtpay.recover_address(digest, decode(repeat('00', 65), 'hex')) FROM signed$$,
	'UP003', 'no key fits the signature', 'recover_address: refuses zeros');
SELECT throws_ok($$SELECT usdtpay.recover_address('\x00', rs || '\x1c') FROM signed$$,
	'UP000', 'a digest has 32 bytes', 'recover_address: refuses a short digest');

-- qr_svg and qr_text

CREATE TEMP VIEW qr AS
	SELECT usdtpay.qr_svg('TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 5) AS svg,
	       usdtpay.qr_text('TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t') AS txt;
SELECT ok(svg::xml IS DOCUMENT AND svg LIKE '<svg %width="185" height="185" viewBox="0 0 37 37"%',
	'qr_svg: well-formed, 29 modules and two quiet zones of four, five pixels each') FROM qr;
-- Draws the path on a grid and reads the characters on another: both must show the same modules.
SELECT set_eq($$
	SELECT r[1]::int + i AS x, r[2]::int AS y FROM qr,
	       regexp_matches(svg, 'M(\d+) (\d+)h(\d+)v1h-\d+z', 'g') r, generate_series(0, r[3]::int - 1) i$$,
	$$SELECT (x - 1)::int AS x, (2 * (y - 1) + half)::int AS y FROM qr,
	       string_to_table(txt, E'\n') WITH ORDINALITY line(chars, y),
	       string_to_table(chars, NULL) WITH ORDINALITY cell(c, x), generate_series(0, 1) half
	 WHERE 2 * (y - 1) + half < 37 AND c <> '█' AND c <> CASE half WHEN 0 THEN '▀' ELSE '▄' END$$,
	'qr_text: the same dark modules as the image');
SELECT is(substr(txt, 38 * 2 + 1, 37), '████ ▄▄▄▄▄ ' || substr(txt, 38 * 2 + 12, 26),
	'qr_text: the finder pattern stands behind the quiet zone, light on dark') FROM qr;
SELECT is(usdtpay.qr_svg('x'), usdtpay.qr_svg('x', 4), 'qr_svg: four pixels unless said');
SELECT lives_ok($$SELECT usdtpay.qr_svg(repeat('x', 2331)), usdtpay.qr_text(repeat('é', 1165))$$,
	'qr: takes 2331 bytes of UTF-8');
SELECT throws_ok($$SELECT usdtpay.qr_svg(repeat('x', 2332))$$, 'UP000',
	'a QR code holds 1 to 2331 bytes', 'qr_svg: refuses 2332');
SELECT throws_ok($$SELECT usdtpay.qr_text('')$$, 'UP000',
	'a QR code holds 1 to 2331 bytes', 'qr_text: refuses nothing');
SELECT throws_ok($$SELECT usdtpay.qr_svg('x', 0)$$, 'UP000', 'module size out of range',
	'qr_svg: refuses modules of no size');
SELECT throws_ok($$SELECT usdtpay.qr_svg('x', 65)$$, 'UP000', 'module size out of range',
	'qr_svg: refuses modules of 65 pixels');

-- eip712_hash

SELECT is_empty(format($$
	SELECT c ->> 'name' FROM jsonb_array_elements(%L::jsonb) c
	 WHERE usdtpay.eip712_hash(jsonb_set(c, '{message}', c -> 'data')) <> decode(substr(c ->> 'digest', 3), 'hex')$$,
	:'typed'), 'eip712_hash: every vector');
SELECT is(jsonb_array_length(:'typed'::jsonb), 130, 'eip712_hash: and there are 130');

-- The example of EIP-712 itself, signed by its author's key "cow".
CREATE TEMP VIEW mail AS
	SELECT '{"types": {"EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
	                      {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
	          "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
	          "Mail": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"}, {"name": "contents", "type": "string"}]},
	         "primaryType": "Mail",
	         "domain": {"name": "Ether Mail", "version": "1", "chainId": 1,
	                    "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
	         "message": {"from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
	                     "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
	                     "contents": "Hello, Bob!"}}'::jsonb AS m;
SELECT is(usdtpay.eip712_hash(m), '\xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2'::bytea,
	'eip712_hash: the example of the standard, with its own domain type') FROM mail;
SELECT is(usdtpay.eip712_hash(m #- '{types,EIP712Domain}'), usdtpay.eip712_hash(m),
	'eip712_hash: the domain type is inferred') FROM mail;
SELECT is(usdtpay.recover_address(usdtpay.eip712_hash(m),
	'\x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c'),
	'0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826', 'eip712_hash: and Cow signed it') FROM mail;

SELECT is(usdtpay.eip712_hash(jsonb_set(m, '{message,memo}', '"not signed"')), usdtpay.eip712_hash(m),
	'eip712_hash: what a type does not name is not signed') FROM mail;
SELECT is(usdtpay.eip712_hash(jsonb_set(m, '{domain,chainId}', '"0x1"')), usdtpay.eip712_hash(m),
	'eip712_hash: a number may be hexadecimal') FROM mail;
SELECT isnt(usdtpay.eip712_hash(jsonb_set(m, '{primaryType}', '"EIP712Domain"')), usdtpay.eip712_hash(m),
	'eip712_hash: the domain alone can be signed') FROM mail;
SELECT is(pg_temp.complaint(format('SELECT usdtpay.eip712_hash(%L)', jsonb_set(m, '{message,to,wallet}', '"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbb"'))),
	'UP000 | value does not fit its type | The member "wallet" is no address. | Numbers beyond 2^53 are strings of digits, bytes are 0x and hexadecimal digits, addresses carry a right checksum or none.',
	'eip712_hash: the complaint names member and type') FROM mail;

-- Values of one member: type, JSON, what is wrong with it.
CREATE TEMP TABLE misfit (type text, value text, why text);
INSERT INTO misfit VALUES
	('uint8', '256', 'above the range'), ('uint8', '-1', 'a sign'), ('uint8', '1.5', 'a fraction'),
	('uint8', '"one"', 'no number'), ('uint8', '""', 'empty'), ('uint8', '"0x"', 'no digits'), ('uint8', 'true', 'a boolean'),
	('uint8', 'null', 'null'), ('uint8', '[1]', 'a list'), ('uint8', '1e30', 'far above the range'),
	('int8', '128', 'above the range'), ('int8', '-129', 'below the range'), ('int8', '"--1"', 'two signs'),
	('uint256', '"115792089237316195423570985008687907853269984665640564039457584007913129639936"', '2^256'),
	('bool', '1', 'a number'), ('bool', '"true"', 'a string'),
	('address', '"0x00"', 'too short'), ('address', '"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"', 'of TRON'), ('address', '0', 'a number'),
	('bytes2', '"0x010203"', 'too long'), ('bytes2', '"0x01"', 'too short'), ('bytes2', '"0102"', 'without 0x'), ('bytes2', '258', 'a number'),
	('bytes', '"0x1"', 'half a byte'), ('bytes', '"0xzz"', 'no hex'), ('bytes', '"01"', 'without 0x'), ('bytes', '1', 'a number'),
	('string', '1', 'a number'), ('string', '{}', 'an object'),
	('bool[2]', '[true]', 'too few elements'), ('bool[2]', '[true, true, true]', 'too many elements'), ('bool[]', 'true', 'no list'),
	('bool[]', '{}', 'an object'), ('bool[][2]', '[[true], true]', 'an uneven list'),
	('Sub', '[]', 'a list'), ('Sub', '{}', 'an empty object'), ('Sub', '"x"', 'a string'), ('Sub[]', '[{"n": 1}, {}]', 'incomplete'),
	('uint', '1', 'an abbreviated type'), ('uint7', '1', 'an odd size'), ('uint264', '1', 'too wide a type'), ('uint08', '1', 'a size with a zero'),
	('bytes33', '"0x"', 'too long a type'), ('bytes0', '"0x"', 'too short a type'), ('Nowhere', '{}', 'an undeclared type'),
	('bool[0]', '[]', 'a list of none'), ('bool[-1]', '[]', 'a negative list'), ('bool[x]', '[]', 'a list of letters'), ('bool]', '[]', 'half a bracket'),
	('[]', '[]', 'a list of nothing'), ('', '1', 'no type'), ('bool []', '[]', 'a blank');
SELECT is_empty($$SELECT type, value, why, c FROM misfit,
	 LATERAL (SELECT pg_temp.complaint(format('SELECT usdtpay.eip712_hash(%L)', jsonb_build_object(
	              'types', jsonb_build_object('T', jsonb_build_array(jsonb_build_object('name', 'v', 'type', type)),
	                                          'Sub', '[{"name": "n", "type": "uint8"}]'::jsonb),
	              'primaryType', 'T', 'domain', '{}'::jsonb, 'message', jsonb_build_object('v', value::jsonb)))) c) x
	 WHERE c !~ '^UP000 '$$, 'eip712_hash: refuses 52 values and types that do not fit');

-- Whole documents: the path of the example to overwrite, with what.
CREATE TEMP TABLE broken (path text[], value text);
INSERT INTO broken VALUES
	('{types}', '[]'), ('{types}', '1'), ('{types,Mail}', '{}'), ('{types,Mail}', '1'), ('{types,Mail,0}', '1'),
	('{types,Mail,0}', '{"name": "from"}'), ('{types,Mail,0}', '{"type": "Person"}'), ('{types,Mail,0,type}', '1'),
	('{types,Mail,0,name}', '"to"'), ('{types,Mail,0,name}', '"a b"'), ('{types,Mail,0,name}', '""'),
	('{types,Mail,0,name}', '"a,uint8 b"'), ('{types,uint8}', '[]'), ('{types,A(B)}', '[]'), ('{types,A[]}', '[]'),
	('{primaryType}', '"Post"'), ('{primaryType}', '1'), ('{primaryType}', 'null'), ('{domain}', '[]'), ('{domain}', 'null'),
	('{domain,chainId}', '"main"'), ('{message}', '[]'), ('{message}', 'null'), ('{message,from}', 'null'), ('{message,to,name}', '1');
SELECT is_empty($$SELECT path, value FROM broken, mail
	 WHERE pg_temp.complaint(format('SELECT usdtpay.eip712_hash(%L)', jsonb_set(m, path, value::jsonb))) !~ '^UP000 '$$,
	'eip712_hash: refuses 25 broken documents');
SELECT is_empty($$SELECT path FROM mail, unnest(ARRAY['types', 'primaryType', 'domain', 'message', 'types,Person',
	           'types,Mail', 'message,contents', 'message,from,wallet', 'domain,version']) path
	 WHERE pg_temp.complaint(format('SELECT usdtpay.eip712_hash(%L)', m #- string_to_array(path, ','))) !~ '^UP000 '$$,
	'eip712_hash: refuses a document with anything missing');
SELECT matches(pg_temp.complaint($$SELECT usdtpay.eip712_hash('{"types": {"T": []}, "primaryType": "T", "domain": {"owner": 1}, "message": {}}')$$),
	'^UP000 .*EIP-712 does not know', 'eip712_hash: refuses a domain member nobody knows');
SELECT matches(pg_temp.complaint(format('SELECT usdtpay.eip712_hash(%L)', v)), '^UP000 ',
	'eip712_hash: refuses ' || v) FROM unnest(ARRAY['[]', '1', 'null']) v;
SELECT throws_ok($$SELECT usdtpay.eip712_hash(jsonb_build_object('types',
	    (SELECT jsonb_object_agg('T' || i, '[]'::jsonb) FROM generate_series(1, 101) i)))$$,
	'UP000', 'typed data too large', 'eip712_hash: refuses 101 types');
SELECT throws_ok($$SELECT usdtpay.eip712_hash(jsonb_build_object('types', jsonb_build_object('T',
	    (SELECT jsonb_agg(jsonb_build_object('name', 'm' || i, 'type', 'bool')) FROM generate_series(1, 1001) i))))$$,
	'UP000', 'typed data too large', 'eip712_hash: refuses 1001 members');
-- A type may contain a list of itself; what is nested too deeply ends in an error, not in a crash.
CREATE FUNCTION pg_temp.nested(p_depth integer) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ('{"types": {"T": [{"name": "t", "type": "T[]"}]}, "primaryType": "T", "domain": {}, "message": '
	        || repeat('{"t": [', p_depth) || '{"t": []}' || repeat(']}', p_depth) || '}')::jsonb $$;
SELECT is(length(usdtpay.eip712_hash(pg_temp.nested(100))), 32, 'eip712_hash: a list of itself');
SET LOCAL max_stack_depth = '7MB';
CREATE TEMP TABLE deep AS SELECT pg_temp.nested(5000) AS m;
SET LOCAL max_stack_depth = '100kB';
SELECT throws_ok('SELECT usdtpay.eip712_hash(m) FROM deep', '54001', NULL, 'eip712_hash: depth is bounded');
RESET max_stack_depth;

SELECT * FROM finish();
ROLLBACK;
