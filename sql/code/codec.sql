-- Primitives: derivation, addresses, hashes, signatures, QR codes.  All are pure functions of
-- their arguments, in C, without any table.  Parameters carry the names of the reference, for
-- people call these by name.

CREATE OR REPLACE FUNCTION usdtpay.address_derive(xpub text, family text, idx bigint) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'usdtpay_fn_address_derive';
COMMENT ON FUNCTION usdtpay.address_derive(text, text, bigint) IS
    'The deposit address xpub/0/idx: EIP-55 for family evm, base58check for tron. idx is 0 to 2147483647. Errors: UP000 index, UP001 family, UP002 key (a private key is refused and never repeated)';

CREATE OR REPLACE FUNCTION usdtpay_internal.address_derive_raw(xpub text, idx bigint) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'usdtpay_fn_address_derive_raw';
COMMENT ON FUNCTION usdtpay_internal.address_derive_raw(text, bigint) IS
    'The 20 bytes of xpub/0/idx, the same for both families; errors as usdtpay.address_derive';

CREATE OR REPLACE FUNCTION usdtpay.xpub_info(
    xpub text,
    OUT depth integer,
    OUT child_number bigint,
    OUT fingerprint bytea,
    OUT parent_fingerprint bytea,
    OUT network text)
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'usdtpay_fn_xpub_info';
COMMENT ON FUNCTION usdtpay.xpub_info(text) IS
    'What an extended public key says about itself; child_number is 2147483648 and more for a hardened key, network is mainnet (xpub) or testnet (tpub). Error: UP002 (a private key is refused and never repeated)';

CREATE OR REPLACE FUNCTION usdtpay.address_bytes(family text, address text) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'usdtpay_fn_address_bytes';
COMMENT ON FUNCTION usdtpay.address_bytes(text, text) IS
    'The 20 bytes of an address, checksums enforced. evm: 0x and 40 digits, in one case or with a right EIP-55 checksum; tron: base58check, or 41 and 40 digits. Error: UP001, whose hint names the right family where there is one';

CREATE OR REPLACE FUNCTION usdtpay.address_text(family text, raw bytea) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'usdtpay_fn_address_text';
COMMENT ON FUNCTION usdtpay.address_text(text, bytea) IS
    'The text of a 20-byte address: EIP-55 for evm, base58check for tron. Error: UP001';

CREATE OR REPLACE FUNCTION usdtpay.keccak256(data bytea) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'usdtpay_fn_keccak256';
COMMENT ON FUNCTION usdtpay.keccak256(bytea) IS
    'Keccak-256 as Ethereum and TRON use it (not SHA3-256)';

CREATE OR REPLACE FUNCTION usdtpay.recover_address(digest bytea, signature bytea) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'usdtpay_fn_recover_address';
COMMENT ON FUNCTION usdtpay.recover_address(bytea, bytea) IS
    'The EIP-55 address that signed a 32-byte digest. signature is r, s and v (65 bytes; v 0, 1, 27 or 28); a high s is accepted, as ecrecover does, so count signers and never signatures. Errors: UP000 digest, UP003 signature';

CREATE OR REPLACE FUNCTION usdtpay.qr_svg(content text, module_px integer DEFAULT 4) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'usdtpay_fn_qr_svg';
COMMENT ON FUNCTION usdtpay.qr_svg(text, integer) IS
    'A QR code as an SVG image: dark runs as one path, quiet zone of four modules, module_px (1 to 64) pixels per module. Error: UP000 for empty content or more than 2331 bytes';

CREATE OR REPLACE FUNCTION usdtpay.qr_text(content text) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'usdtpay_fn_qr_text';
COMMENT ON FUNCTION usdtpay.qr_text(text) IS
    'A QR code in half-block characters for a dark terminal, quiet zone included. Error: UP000 for empty content or more than 2331 bytes';

CREATE OR REPLACE FUNCTION usdtpay.eip712_hash(typed_data jsonb) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'usdtpay_fn_eip712_hash';
COMMENT ON FUNCTION usdtpay.eip712_hash(jsonb) IS
    'The EIP-712 digest of {types, primaryType, domain, message}, ready for recover_address. The domain''s type follows from its members unless types declares EIP712Domain; members that a type does not name are ignored, as wallets do. Error: UP000, naming the member';
