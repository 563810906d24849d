-- Node answers as rows.  All C: an answer is read once, strictly, and refused whole on any fault.

CREATE OR REPLACE FUNCTION usdtpay.evm_transfers(logs text, token text)
RETURNS TABLE (
    block_number bigint, block_hash bytea, tx_hash bytea, log_index integer,
    sender text, recipient text, amount_raw numeric
)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 1000
AS 'MODULE_PATHNAME', 'usdtpay_evm_transfers';
COMMENT ON FUNCTION usdtpay.evm_transfers(text, text) IS
'Transfers of one token in an eth_getLogs answer: the bare array or the JSON-RPC envelope around it. token is the contract''s EVM address; logs of other contracts and other events are skipped. amount_raw is in the token''s smallest unit, addresses carry the EIP-55 checksum. Raises UP400 for an answer with any malformed, removed, unsorted or repeated log, UP001 for a bad token. Example: SELECT sender, amount_raw / 1e6 FROM usdtpay.evm_transfers(:''answer'', ''0xdAC17F958D2ee523a2206206994597C13D831ec7'')';

CREATE OR REPLACE FUNCTION usdtpay.tron_transfers(infos text, token text)
RETURNS TABLE (
    block_number bigint, block_hash bytea, tx_hash bytea, log_index integer,
    sender text, recipient text, amount_raw numeric
)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 1000
AS 'MODULE_PATHNAME', 'usdtpay_tron_transfers';
COMMENT ON FUNCTION usdtpay.tron_transfers(text, text) IS
'Transfers of one token in a gettransactioninfobyblocknum answer (an array of transaction infos in ascending block order). token is the contract''s base58 address. Only transactions whose receipt says SUCCESS and whose info does not say FAILED count. log_index runs over all logs of a block; block_hash is null, because infos do not tell it. Raises UP400 for a malformed answer, UP001 for a bad token. Example: SELECT * FROM usdtpay.tron_transfers(:''answer'', ''TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'')';

CREATE OR REPLACE FUNCTION usdtpay.evm_block_hash(header text)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'usdtpay_evm_block_hash';
COMMENT ON FUNCTION usdtpay.evm_block_hash(text) IS
'Recomputes a block''s hash, keccak256(rlp(header)), from the object eth_getBlockByNumber answers (or the envelope around it), up to the Prague fork. What the object itself claims as hash is not looked at: compare. Raises UP400 when a member the hash covers is missing or misshapen. Example: SELECT usdtpay.evm_block_hash(:''block'')';

CREATE OR REPLACE FUNCTION usdtpay.evm_receipts_root(receipts text)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5000
AS 'MODULE_PATHNAME', 'usdtpay_evm_receipts_root';
COMMENT ON FUNCTION usdtpay.evm_receipts_root(text) IS
'Recomputes the receipts root of a block from what eth_getBlockReceipts answers (the array in the order of the transactions, or the envelope around it). When it equals the receiptsRoot of a header whose evm_block_hash is the block''s, these are all receipts and all logs of the block, unaltered; the transactions'' hashes are not covered. Legacy receipts, with status or with the state''s root of blocks before Byzantium, and typed ones (EIP-2718). Raises UP400 for an answer that is no list of receipts. Example: SELECT usdtpay.evm_receipts_root(:''receipts'') = decode(substr(:''block''::jsonb ->> ''receiptsRoot'', 3), ''hex'')';

CREATE OR REPLACE FUNCTION usdtpay.tron_block_id(header text)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'usdtpay_tron_block_id';
COMMENT ON FUNCTION usdtpay.tron_block_id(text) IS
'Recomputes a TRON block''s id, the height followed by the end of sha256(raw header), from a block object of getblockbylimitnext or getblockbynum. What the object itself claims as blockID is not looked at: compare. Raises UP400 when the header cannot be rebuilt. Example: SELECT usdtpay.tron_block_id(:''block'')';

CREATE OR REPLACE FUNCTION usdtpay_internal.span_blocks(p_family text, p_headers text, p_check text)
RETURNS TABLE (
    number bigint, hash bytea, parent_hash bytea, block_time timestamptz, tx_count integer
)
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 100 COST 1000
AS 'MODULE_PATHNAME', 'usdtpay_span_blocks_sql';
COMMENT ON FUNCTION usdtpay_internal.span_blocks(text, text, text) IS
'Validates a run of blocks: p_headers is a JSON array of block objects (evm: results of eth_getBlockByNumber; tron: the elements of getblockbylimitnext''s block array). Numbers ascend one by one, each parent hash is the hash before it, times do not run backwards. p_check: keccak recomputes every EVM hash, none trusts it; TRON block ids are recomputed in any case, txroot recomputes TRON''s transaction roots as well. Raises UP400 for bad data, UP401 for broken links, UP000 for bad arguments';

CREATE OR REPLACE FUNCTION usdtpay_internal.span_logs(
    p_family text, p_headers text, p_logs text, p_contracts bytea[], p_check text, p_cleared bigint[]
)
RETURNS TABLE (
    number bigint, block_hash bytea, block_time timestamptz, tx_hash bytea, tx_index integer,
    log_index integer, ordinal integer, kind text, contract bytea, sender bytea, recipient bytea,
    amount_raw numeric, subject bytea
)
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 1000 COST 5000
AS 'MODULE_PATHNAME', 'usdtpay_span_logs_sql';
COMMENT ON FUNCTION usdtpay_internal.span_logs(text, text, text, bytea[], text, bigint[]) IS
'Validates the logs of a run of blocks against the blocks (as in span_blocks) and returns Transfers and the issuer''s control events of p_contracts. p_logs: evm an eth_getLogs answer for exactly these contracts and blocks; tron an array with one gettransactioninfobyblocknum answer per block. kind is transfer, added_blacklist, removed_blacklist, destroyed_funds, deprecate, pause, unpause or params. ordinal counts the contract''s Transfers within the transaction from 0 and stays the same when the transaction is included again elsewhere. subject is the address a control event is about; amount_raw of destroyed_funds is the destroyed balance, of params the fee rate in basis points. Raises UP400 for any fault, and UP404 with the block numbers when a block''s bloom promises a Transfer but the answer has no log of that contract and the block is not in p_cleared';

CREATE OR REPLACE FUNCTION usdtpay_internal.span_logs_known(
    p_family text, p_numbers bigint[], p_hashes bytea[], p_times timestamptz[], p_logs text,
    p_contracts bytea[]
)
RETURNS TABLE (
    number bigint, block_hash bytea, block_time timestamptz, tx_hash bytea, tx_index integer,
    log_index integer, ordinal integer, kind text, contract bytea, sender bytea, recipient bytea,
    amount_raw numeric, subject bytea
)
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 1000 COST 5000
AS 'MODULE_PATHNAME', 'usdtpay_span_logs_known_sql';
COMMENT ON FUNCTION usdtpay_internal.span_logs_known(text, bigint[], bytea[], timestamptz[], text, bytea[]) IS
'span_logs against blocks that are already stored: for the second look before crediting. p_numbers ascend, with one hash and time each. There is no bloom to check, and on TRON no list of transaction ids: the caller compares the rows with what it stored';

CREATE OR REPLACE FUNCTION usdtpay_internal.receipts_logs(p_headers text, p_receipts text, p_contracts bytea[])
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'usdtpay_receipts_logs_sql';
COMMENT ON FUNCTION usdtpay_internal.receipts_logs(text, text, bytea[]) IS
'The logs of p_contracts in a run of EVM blocks, proven from their receipts, as eth_getLogs would answer them. p_headers: a JSON array of blocks whose transactions are hashes; p_receipts: an array with the eth_getBlockReceipts answer of each. The receipts must hash to the header''s receiptsRoot, be of the header''s transactions one by one, and their logs claim the places they have. The headers themselves are not verified: see span_blocks. Raises UP400';
